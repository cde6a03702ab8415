"""Finished spans on their way to a collector: queued, batched and sent by a thread, never by a request.

A collector that is slow or away costs spans, which are counted and logged, and nothing else.
"""

import threading
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.logs import get_log
from shared.otlp import encode
from shared.tracing import Span

QUEUE_SPANS = 4096
"""Some 400 searches' spans, 2 MB: four seconds of a busy process while the collector is away."""
BATCH_SPANS = 512
"""Some 200 kB of JSON: a few milliseconds to encode, in pieces that leave requests their turns."""
GATHER_S = 1.0
"""How long spans wait for company: a trace is seen a second late, and a process sends once a second at most."""
REQUEST_TIMEOUT_S = 5.0
ATTEMPTS = 2
"""A collector's restart or a closed connection is over by the second; an outage is not waited for."""
RETRY_S = 0.5

log = get_log("tracing")


class SpanExporter:
    """Sends spans to `<endpoint>/v1/traces`. Its thread starts with the first span."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], service: str, resource: Mapping[str, str]) -> None:
        self._url = urlsplit(endpoint.rstrip("/") + "/v1/traces")
        if self._url.scheme not in {"http", "https"} or not self._url.hostname:
            raise ValueError("OTEL_EXPORTER_OTLP_ENDPOINT is no HTTP address; expected like http://collector:4318.")
        self._headers = {"Content-Type": "application/json", **headers}
        self._service, self._resource = service, resource
        self._queue: deque[Span] = deque()
        self._wanted, self._hurry, self._empty = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.sent = self.dropped = self._overflowed = 0

    def add(self, span: Span) -> None:
        """Take a finished span; drop it where too many wait."""
        if len(self._queue) >= QUEUE_SPANS:
            self._overflowed += 1
            return
        self._queue.append(span)
        if not self._wanted.is_set():
            self._start()

    def flush(self, timeout_s: float) -> bool:
        """Send what waits; what is not sent within `timeout_s` is dropped. Tell whether all was sent."""
        before = self.dropped
        if self._queue or self._wanted.is_set():
            self._hurry.set()
            self._empty.wait(timeout_s)
        left = len(self._queue)
        if left:
            self._queue.clear()
            self._drop(left, "the process ends")
        return self.dropped == before

    def _start(self) -> None:
        with self._lock:
            self._empty.clear()
            self._wanted.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="span-export", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._hurry.wait(GATHER_S)
            while batch := self._take():
                self._export(batch)
            self._hurry.clear()
            self._report_overflow()
            with self._lock:
                self._wanted.clear()  # before the look: what is added after it starts the next round
                if self._queue:
                    self._wanted.set()
                else:
                    self._empty.set()

    def _take(self) -> list[Span]:
        queue = self._queue
        batch: list[Span] = []
        while len(batch) < BATCH_SPANS:
            try:
                batch.append(queue.popleft())
            except IndexError:  # flush may empty it at the same time
                break
        return batch

    def _export(self, batch: list[Span]) -> None:
        """Send one batch, twice if need be; count and log what did not arrive."""
        try:
            body = encode(batch, self._service, self._resource)
            reason = self._post(body)
            for _ in range(ATTEMPTS - 1):
                if reason and reason[0]:
                    self._hurry.wait(RETRY_S)
                    reason = self._post(body)
        except Exception as exc:  # the border of a thread: whatever fails here must not end it
            reason = (False, type(exc).__name__)
        if reason:
            self._drop(len(batch), reason[1])
        else:
            self.sent += len(batch)

    def _post(self, body: bytes) -> tuple[bool, str] | None:
        """Return None when the collector took it, else whether to try again, and why."""
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        url = self._url
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request("POST", url.path, body, self._headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as exc:
            return True, type(exc).__name__
        finally:
            connection.close()
        if answer.status < 300:
            return None
        return answer.status in {429, 502, 503, 504}, f"HTTP {answer.status}"

    def _report_overflow(self) -> None:
        lost, self._overflowed = self._overflowed, 0
        if lost:
            self._drop(lost, "the queue was full")

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        log.warning("spans_dropped", spans=count, reason=reason, dropped_in_all=self.dropped)
