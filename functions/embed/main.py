"""The embed function: passages.extracted in, vectors and source.indexed out; and the change of the model."""

from fastapi import FastAPI

from events.receiver import create_event_app
from events.topics import EMBEDDINGS_REQUESTED, MODEL_REMOVED, PASSAGES_EXTRACTED
from functions.embed.backfill import handle_requested
from functions.embed.handler import handle_extracted
from functions.embed.removal import handle_removed
from shared.resources import Resources
from shared.settings import Settings

HANDLERS = {
    PASSAGES_EXTRACTED: handle_extracted,
    EMBEDDINGS_REQUESTED: handle_requested,
    MODEL_REMOVED: handle_removed,
}


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    return create_event_app("embed", HANDLERS, settings or Settings(), resources)
