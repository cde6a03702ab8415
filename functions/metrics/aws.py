"""The metrics function on AWS Lambda (docs/deploy-lambda.md); GET /metrics comes through a private load balancer."""

from events.aws.handler import EventHandler
from functions.metrics.main import create_app
from shared.aws.http import HttpHandler

_events = EventHandler("metrics", create_app)
_http = HttpHandler(lambda: _events.app)


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """Add up a Kafka batch, or answer a scrape; nothing else is reachable by HTTP."""
    if event.get("httpMethod") == "GET":
        return _http(event, context)
    return _events(event, context)
