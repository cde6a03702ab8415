"""HTTP to Kafka, as a KafkaSink: POST /topics/<topic> takes a CloudEvent, 202 tells that every replica has it."""

from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from events.bridge.metrics import INGESTED
from events.cloudevents import CloudEvent, MalformedEvent
from events.topics import TOPIC_OF_TYPE, TOPICS
from shared.logs import get_log
from shared.trace_context import parse_traceparent

log = get_log("ingress")


class Ingress:
    """The route that takes events; before `open` it answers 503."""

    def __init__(self) -> None:
        self._producer: Any = None

    def open(self, producer: Any) -> None:
        """Take events from now on and produce them with `producer` (a started AIOKafkaProducer)."""
        self._producer = producer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for the bridge's server."""
        return [web.post("/topics/{topic}", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        topic = request.match_info["topic"]
        try:
            event = _read(topic, dict(request.headers), await request.read())
            await self._produce(topic, event, request.headers.get("traceparent"))
        except Refused as exc:
            body = {"title": exc.slug.replace("-", " ").capitalize(), "status": exc.status, "detail": str(exc)}
            return web.json_response(body, status=exc.status, content_type="application/problem+json")
        INGESTED.labels(topic).inc()
        return web.Response(status=202)

    async def _produce(self, topic: str, event: CloudEvent, hop: str | None) -> None:
        if self._producer is None:
            raise Refused(503, "kafka-unavailable", "Kafka does not answer yet.")
        headers, value, key = event.to_kafka()
        if hop is not None and parse_traceparent(hop) is not None:
            headers.append(("traceparent", hop.encode()))
        try:
            await self._producer.send_and_wait(topic, value, key=key, headers=headers)
        except MessageSizeTooLargeError as exc:
            raise Refused(413, "event-too-large", str(exc)) from exc
        except KafkaError as exc:
            log.warning("event_not_produced", topic=topic, ce_id=event.id, error=repr(exc)[:300])
            raise Refused(503, "kafka-unavailable", repr(exc)[:300]) from exc


class Refused(Exception):
    """Why an event is not taken."""

    def __init__(self, status: int, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.slug = status, slug


def _read(topic: str, headers: dict[str, str], body: bytes) -> CloudEvent:
    if topic not in TOPICS:
        raise Refused(404, "unknown-topic", f"There is no topic {topic[:100]}; {', '.join(TOPICS)} are taken.")
    try:
        event = CloudEvent.from_http(headers, body)
    except MalformedEvent as exc:
        raise Refused(400, "malformed-event", str(exc)) from exc
    if TOPIC_OF_TYPE.get(event.type, topic) != topic:
        own = TOPIC_OF_TYPE[event.type]
        raise Refused(422, "wrong-topic", f"{event.type} belongs on {own}, not on {topic}.")
    return event
