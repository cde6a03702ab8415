"""Errors to Sentry: what failed and where in the code, with release, function and trace id; nothing of the data.

Messages, variables, requests and log lines stay behind, since each may quote a query, a key or a document: the trace id
leads to the log, which has the message. A thread imports the SDK and sends, so that no answer waits for either.
"""

import queue
import threading
from dataclasses import dataclass
from typing import Any

from shared.logs import get_log
from shared.trace_context import CURRENT
from shared.version import VERSION

QUEUE_REPORTS = 100
"""Of a storm of the same error the first are enough; what they hold on to is freed once they are sent."""

log = get_log("errors")


@dataclass(frozen=True, slots=True)
class _Report:
    """One error; or, with `done`, the wish to know that all before it are sent."""

    error: BaseException | None = None
    function: str = ""
    trace_id: str = ""
    kind: str = ""
    done: threading.Event | None = None


class _Reporting:
    """Where reports go; off without a DSN."""

    dsn = environment = ""
    waiting: "queue.Queue[_Report] | None" = None
    thread: threading.Thread | None = None


def report_to(dsn: str, environment: str) -> None:
    """Send reports to `dsn` from now on; the empty one turns reporting off."""
    _Reporting.dsn, _Reporting.environment = dsn, environment
    _Reporting.waiting = queue.Queue(QUEUE_REPORTS) if dsn else None
    _Reporting.thread = None


def is_on() -> bool:
    """Tell whether reports go anywhere."""
    return _Reporting.waiting is not None


def report(error: BaseException, kind: str, function: str = "", trace_id: str = "") -> None:
    """Report `error` as one of `kind`; function and trace id are the present work's unless given."""
    waiting = _Reporting.waiting
    if waiting is None:
        return
    context = CURRENT.get()
    if context is not None:
        function, trace_id = function or context.function, trace_id or context.trace_id
    if _put(waiting, _Report(error, function, trace_id, kind)) and _Reporting.thread is None:
        _Reporting.thread = threading.Thread(
            target=_send_all, args=(waiting, _Reporting.dsn, _Reporting.environment), name="error-reports", daemon=True
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


def _send_all(waiting: "queue.Queue[_Report]", dsn: str, environment: str) -> None:
    """The thread: nothing that fails here may end it, or raise anywhere else."""
    client: Any = None
    while True:
        item = waiting.get()
        try:
            client = client or _open(dsn, environment)
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


def _open(dsn: str, environment: str) -> Any:
    import sentry_sdk

    return sentry_sdk.Client(
        dsn=dsn,
        release=f"research-kb@{VERSION}",
        environment=environment,
        default_integrations=False,  # they would patch threads, logging and excepthook, and send what those hold
        auto_enabling_integrations=False,
        include_local_variables=False,
        send_default_pii=False,
        max_breadcrumbs=0,
        shutdown_timeout=1,
    )


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
