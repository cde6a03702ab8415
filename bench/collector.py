"""An OTLP receiver in this process: takes what functions and bridge export, and tells traces apart.

Also reads what a collector's file exporter has written: the same JSON, one export a line.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class SpanRecord:
    """One span as it arrived; `service` is its resource's service.name."""

    service: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    error: str

    @property
    def took_ms(self) -> float:
        """Duration."""
        return (self.end_ns - self.start_ns) / 1e6


def read_spans(export: dict[str, Any]) -> Iterator[SpanRecord]:
    """Yield the spans of one ExportTraceServiceRequest in JSON."""
    for group in export.get("resourceSpans", []):
        service = str(_attributes(group["resource"].get("attributes", [])).get("service.name", ""))
        for scope in group["scopeSpans"]:
            for span in scope["spans"]:
                status = span.get("status", {})
                yield SpanRecord(
                    service,
                    span["traceId"],
                    span["spanId"],
                    span.get("parentSpanId", ""),
                    span["name"],
                    int(span.get("kind", 0)),
                    int(span["startTimeUnixNano"]),
                    int(span["endTimeUnixNano"]),
                    _attributes(span.get("attributes", [])),
                    str(status.get("message", "")) if status.get("code") == 2 else "",
                )


def _attributes(pairs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in pairs}


@dataclass
class Collector:
    """What was received. `status` is what exports are answered with; `bodies` are kept as they came."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def spans(self, trace_id: str | None = None) -> list[SpanRecord]:
        """Return the spans received, of one trace if given, in order of their start."""
        found = [span for body in list(self.bodies) for span in read_spans(json.loads(body))]
        return sorted((s for s in found if trace_id in (None, s.trace_id)), key=lambda s: s.start_ns)

    def await_trace(self, trace_id: str, last: str, timeout_s: float = 60, times: int = 1) -> list[SpanRecord]:
        """Return a trace's spans once `times` named `last` have come and all but one have their parents with them.

        That one is below the client's own span, which nobody exports. Raises: TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        while not is_whole(spans := self.spans(trace_id), last, times):
            if time.monotonic() > deadline:
                raise TimeoutError(f"trace {trace_id} is not complete after {timeout_s:.0f} s:\n{draw(spans)}")
            time.sleep(0.2)
        return spans


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """Receive on 127.0.0.1 while entered; port 0 picks a free one."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        """Takes POST /v1/traces."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces" and collector.status == 200:
                collector.bodies.append(body)
                collector.headers.append(dict(self.headers))
            self.send_response(collector.status if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- http.server's name
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


def is_whole(spans: list[SpanRecord], last: str, times: int = 1) -> bool:
    """Tell whether `times` spans named `last` and everything above the spans are there."""
    known = {span.span_id for span in spans}
    return sum(span.name == last for span in spans) >= times and sum(span.parent_id not in known for span in spans) == 1


def draw(spans: list[SpanRecord]) -> str:
    """Return a trace as a tree: start after the first span's, duration, service, name."""
    if not spans:
        return "(no spans)"
    known = {span.span_id for span in spans}
    below: dict[str, list[SpanRecord]] = {}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    first_ns = min(span.start_ns for span in spans)
    lines: list[str] = ["  at ms   took ms"]

    def add(parent: str, depth: int) -> None:
        for span in below.get(parent, []):
            at_ms = (span.start_ns - first_ns) / 1e6
            failed = f"  failed: {span.error}" if span.error else ""
            lines.append(f"{at_ms:7.1f} {span.took_ms:9.1f}  {'  ' * depth}{span.service}: {span.name}{failed}")
            add(span.span_id, depth + 1)

    add("", 0)
    return "\n".join(lines)
