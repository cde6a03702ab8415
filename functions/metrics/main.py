"""The metrics function: events in, sums in Postgres, GET /metrics for Prometheus that outlives every process."""

from fastapi import FastAPI

from events.receiver import create_event_app
from events.topics import SEARCH_PERFORMED, SOURCE_DELETED, SOURCE_INDEXED
from functions.metrics.exposition import Exposition
from functions.metrics.handler import handle_event
from shared.resources import Resources
from shared.settings import Settings


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    handlers = dict.fromkeys((SEARCH_PERFORMED, SOURCE_INDEXED, SOURCE_DELETED), handle_event)
    app = create_event_app("metrics", handlers, settings or Settings(), resources)
    app.state.more_metrics = Exposition(app.state.resources).text
    return app
