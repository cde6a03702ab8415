"""What Sentry gets, at a local endpoint: where the code failed, in which release, function and trace; no data."""

import gzip
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from events.receiver import create_event_app
from shared import error_reports
from shared.app import create_function_app
from shared.sentry import open_client
from shared.settings import Settings
from shared.version import VERSION

SECRET = "rkb_secret heliotrope"
TRACE = "0af7651916cd43dd8448eb211c80319c"
SETTINGS = Settings(database_url="postgresql://nobody@127.0.0.1:1/none")


class Endpoint:
    """What a DSN names: keeps the events in the envelopes it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.dsn = ""

    def events(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for body in self.bodies for line in body.splitlines()]
        return [line for line in lines if "exception" in line]


@pytest.fixture
def sentry() -> Iterator[Endpoint]:
    """Reporting to a local endpoint, off again afterwards."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    endpoint.dsn = f"http://public@127.0.0.1:{server.server_address[1]}/1"
    error_reports.report_to(partial(open_client, endpoint.dsn, "testing"))
    yield endpoint
    error_reports.flush(20)
    error_reports.report_to(None)
    server.shutdown()
    server.server_close()


def client_of(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00", "authorization": f"Bearer {SECRET}"}
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


async def test_a_bug_is_reported_without_its_data(sentry: Endpoint) -> None:
    """A bug in a request: release, function, trace and place in the code; no query, key, body or message."""
    app = create_function_app("search", SETTINGS)

    @app.post("/search")
    async def fail(query: str) -> None:
        raise LookupError(f"nothing for {query}") from KeyError(query)

    async with client_of(app) as client:
        answer = await client.post("/search", params={"query": SECRET}, content=SECRET)
    assert answer.status_code == 500
    error_reports.flush(20)

    [event] = sentry.events()
    assert event["release"] == f"research-kb@{VERSION}"
    assert event["environment"] == "testing"
    assert event["tags"] == {"function": "search", "kind": "request_failed", "trace_id": TRACE}
    cause, error = event["exception"]["values"]
    assert (cause["type"], error["type"]) == ("KeyError", "LookupError")
    assert error["stacktrace"]["frames"][-1]["function"] == "fail"
    assert "vars" not in json.dumps(event)
    for word in SECRET.split():
        assert word.encode() not in b"".join(sentry.bodies)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"ce-id": "1", "ce-source": "/t", "ce-type": "source.deleted"}, 400),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/t", "ce-type": "source.deleted"}, 422),
    ],
)
async def test_poison_is_reported(sentry: Endpoint, headers: dict[str, str], status: int) -> None:
    """An event that can never be handled is an error of its sender, and its data stay out of the report."""

    async def handle(*_: Any) -> Any:
        raise AssertionError("never called")

    app = create_event_app("refresh", {"source.deleted": handle}, SETTINGS)
    body = json.dumps({"unknown": SECRET})
    async with client_of(app) as client:
        answer = await client.post("/", content=body, headers=headers | {"content-type": "application/json"})
    assert answer.status_code == status
    error_reports.flush(20)

    [event] = sentry.events()
    assert event["tags"]["kind"] == "event_rejected"
    assert event["tags"]["function"] == "refresh"
    assert event["tags"]["trace_id"] == TRACE
    assert b"heliotrope" not in b"".join(sentry.bodies)


async def test_a_reporter_that_fails_ends_nothing() -> None:
    """What opening or sending raises stays in the thread: later reports and flushes go on."""
    opened: list[int] = []

    def fail() -> Any:
        opened.append(1)
        raise RuntimeError("no SDK")

    error_reports.report_to(fail)
    try:
        for _ in range(2):
            error_reports.report(ValueError("x"), "test")
            error_reports.flush(20)
        assert len(opened) >= 2
    finally:
        error_reports.report_to(None)


def test_off_nothing_is_queued() -> None:
    """Without a DSN a report is nothing."""
    error_reports.report(ValueError("x"), "test")
    assert not error_reports.is_on()
