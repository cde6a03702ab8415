"""The embed function: passages.extracted in, vectors and source.indexed out."""

from fastapi import FastAPI

from events.receiver import create_event_app
from events.topics import PASSAGES_EXTRACTED
from functions.embed.handler import handle_extracted
from shared.resources import Resources
from shared.settings import Settings


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    return create_event_app("embed", {PASSAGES_EXTRACTED: handle_extracted}, settings or Settings(), resources)
