"""The bridge's part in a trace: a span for each event it publishes and for each attempt to deliver one."""

from events.bridge.request import DeliveryRequest
from events.bridge.retry import Answer
from events.cloudevents import CloudEvent
from shared.tracing import CLIENT, NOTHING, PRODUCER, Span, remote_span

SERVICE = "bridge"


def publish_span(event: CloudEvent, topic: str) -> Span:
    """Return the span of publishing `event`, below the work that put it into the outbox."""
    span = remote_span(event.traceparent, f"publish {topic}", PRODUCER, SERVICE)
    if span is not NOTHING:
        span.set("messaging.system", "kafka")
        span.set("messaging.destination.name", topic)
        span.set("cloudevents.event_id", event.id)
        span.set("cloudevents.event_type", event.type)
    return span


def delivery_span(request: DeliveryRequest, subscription: str, attempt: int) -> Span:
    """Return the span of one attempt, below the publishing; the request goes on from it."""
    incoming = request.incoming_traceparent
    span = remote_span(incoming, f"deliver {subscription}", CLIENT, SERVICE)
    if span is not NOTHING:
        span.set("messaging.system", "kafka")
        span.set("messaging.delivery_attempt", attempt)
        span.set("cloudevents.event_id", request.headers.get("ce-id", ""))
        request.headers["traceparent"] = span.context.traceparent()
    return span


def end_delivery(span: Span, answer: Answer) -> None:
    """Say how the attempt ended."""
    if span is NOTHING:
        return
    if answer.status is None:
        span.end("no answer")
        return
    span.set("http.response.status_code", answer.status)
    span.end("" if answer.status < 300 else f"HTTP {answer.status}")
