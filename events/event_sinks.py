"""Where a function without a relay POSTs its events: an address for each topic, Kafka behind it; binary mode."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.http_client import HttpClient, Response
from shared.tracing import NOTHING, PRODUCER, remote_span

if TYPE_CHECKING:
    from events.outbox_rows import Row
    from shared.settings import Settings

class NotTaken(Exception):
    """A sink did not take an event; `away` when it gave no answer at all, `retry` when the next attempt may succeed."""

    def __init__(self, reason: str, *, away: bool = False, retry: bool = True) -> None:
        super().__init__(reason)
        self.away, self.retry = away, retry


class EventSinks:
    """The sinks that settings name: EVENT_SINKS by topic, K_SINK for K_SINK_TOPIC or, without one, for every topic."""

    def __init__(self, settings: "Settings") -> None:
        self._by_topic: Mapping[str, str] = settings.event_sinks
        self._default, self._default_topic = settings.k_sink, settings.k_sink_topic
        self._timeout_s = settings.event_sink_timeout_s
        self._clients: dict[str, HttpClient] = {}

    def address(self, topic: str) -> str:
        """Return the URL for a topic, with {topic} filled in; empty when there is none."""
        url = self._by_topic.get(topic, "")
        if not url and self._default_topic in ("", topic):
            url = self._default
        return url.replace("{topic}", topic)

    async def send(self, row: "Row") -> None:
        """POST one event; raises NotTaken unless the sink answered 2xx, which it does when Kafka has it."""
        assert row.event is not None  # noqa: S101 -- the caller buries rows without one
        url = self.address(row.topic)
        if not url:
            raise NotTaken(f"no sink is configured here for topic {row.topic}", retry=False)
        headers, body = replace(row.event, partitionkey=row.partition_key).to_binary()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")
        publishing = remote_span(row.event.traceparent, f"publish {row.topic}", PRODUCER, "publisher")
        if publishing is not NOTHING:
            # The event's own traceparent stays what it is, where the event began; a hop's goes beside it.
            lines += f"traceparent: {publishing.context.traceparent()}\r\n".encode("ascii")
        failure = "no answer"
        try:
            answer = await self._post(url, body, lines)
            failure = "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        finally:
            publishing.end(failure)
        if not 200 <= answer.status < 300:
            reason = f"{url} answered {answer.status}: {answer.body[:200].decode(errors='replace')}"
            raise NotTaken(reason, retry=answer.status >= 500 or answer.status in (404, 408, 425, 429))

    async def _post(self, url: str, body: bytes, lines: bytes) -> Response:
        path = "" if urlsplit(url).path.strip("/") else "/"
        try:
            return await self._client(url).request("POST", path, body, lines, timeout_s=self._timeout_s)
        except OSError as exc:  # TimeoutError is one
            raise NotTaken(f"no answer from {url}: {exc!r}", away=True) from exc

    def _client(self, url: str) -> HttpClient:
        if url not in self._clients:
            self._clients[url] = HttpClient(url)
        return self._clients[url]

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()
