"""Errors on their way to Sentry: what failed and where in the code, with function and trace id; nothing of the data.

Messages, variables, requests and log lines stay behind, since each may quote a query, a key or a document: the trace id
leads to the log, which has the message. A thread opens the client and sends, so that no answer waits for either.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from shared.logs import get_log
from shared.trace_context import CURRENT

QUEUE_REPORTS = 100
"""Of a storm of the same error the first are enough; what they hold on to is freed once they are sent."""

log = get_log("errors")


class Client(Protocol):
    """What sends reports: sentry_sdk's client, in shared/sentry.py."""

    def capture_event(self, event: Any) -> Any:
        """Take one report."""

    def flush(self, timeout: float | None = None) -> None:
        """Wait until what was taken is sent."""


OpenClient = Callable[[], Client]


@dataclass(frozen=True, slots=True)
class _Report:
    """One error; or, with `done`, the wish to know that all before it are sent."""

    error: BaseException | None = None
    function: str = ""
    trace_id: str = ""
    kind: str = ""
    done: threading.Event | None = None


class _Reporting:
    """Where reports go; off without a client."""

    open_client: "OpenClient | None" = None
    waiting: "queue.Queue[_Report] | None" = None
    thread: threading.Thread | None = None


def report_to(open_client: OpenClient | None) -> None:
    """Send reports with the client that `open_client` makes when the first one comes; None turns reporting off."""
    _Reporting.waiting = queue.Queue(QUEUE_REPORTS) if open_client is not None else None
    _Reporting.open_client = open_client
    _Reporting.thread = None


def is_on() -> bool:
    """Tell whether reports go anywhere."""
    return _Reporting.waiting is not None


def report(error: BaseException, kind: str, function: str = "", trace_id: str = "") -> None:
    """Report `error` as one of `kind`; function and trace id are the present work's unless given."""
    waiting, open_client = _Reporting.waiting, _Reporting.open_client
    if waiting is None or open_client is None:
        return
    context = CURRENT.get()
    if context is not None:
        function, trace_id = function or context.function, trace_id or context.trace_id
    if _put(waiting, _Report(error, function, trace_id, kind)) and _Reporting.thread is None:
        _Reporting.thread = threading.Thread(
            target=_send_all, args=(waiting, open_client), name="error-reports", daemon=True
        )
        _Reporting.thread.start()


def flush(timeout_s: float) -> None:
    """Wait until what was reported is sent, at most `timeout_s`."""
    waiting, done = _Reporting.waiting, threading.Event()
    if waiting is not None and _Reporting.thread is not None and _put(waiting, _Report(done=done)):
        done.wait(timeout_s)


def _put(waiting: "queue.Queue[_Report]", item: _Report) -> bool:
    try:
        waiting.put_nowait(item)
    except queue.Full:
        log.warning("error_report_dropped", kind=item.kind)
        return False
    return True


def _send_all(waiting: "queue.Queue[_Report]", open_client: OpenClient) -> None:
    """The thread: nothing that fails here may end it, or raise anywhere else."""
    client: Client | None = None
    while True:
        item = waiting.get()
        try:
            client = client or open_client()
            if item.error is not None:
                client.capture_event(describe(item.error, item.kind, item.function, item.trace_id))
            if item.done is not None:
                client.flush(1.0)
        except Exception as exc:
            log.warning("error_report_failed", error=type(exc).__name__)
        finally:
            if item.done is not None:
                item.done.set()
            del item


def describe(error: BaseException, kind: str, function: str, trace_id: str) -> dict[str, Any]:
    """Return Sentry's event for an error and its causes: types and places in the code, no message, no variable."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    event: dict[str, Any] = {
        "level": "error",
        "platform": "python",
        "transaction": function,
        "tags": {"function": function, "kind": kind, "trace_id": trace_id},
        "exception": {"values": [_exception(each) for each in reversed(chain)]},
    }
    slug = getattr(error, "slug", None)
    if isinstance(slug, str):
        event["tags"]["problem"] = slug
    return event


def _exception(error: BaseException) -> dict[str, Any]:
    frames = []
    place = error.__traceback__
    while place is not None:
        code = place.tb_frame.f_code
        module = place.tb_frame.f_globals.get("__name__", "")
        frames.append(
            {
                "filename": code.co_filename,
                "function": code.co_name,
                "lineno": place.tb_lineno,
                "module": module,
                "in_app": str(module).split(".")[0] in {"shared", "events", "functions"},
            }
        )
        place = place.tb_next
    kind = type(error)
    return {"type": kind.__name__, "module": kind.__module__, "stacktrace": {"frames": frames}}
