"""The extract function: document.submitted in, passages and passages.extracted out."""

from fastapi import FastAPI

from events.cloudevents import CloudEvent
from events.receiver import create_event_app
from events.topics import DOCUMENT_SUBMITTED
from functions.extract.handler import handle_submitted
from functions.extract.settings import ExtractSettings
from shared.resources import Resources


def create_app(settings: ExtractSettings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    found = settings or ExtractSettings()

    async def submitted(event: CloudEvent, held: Resources) -> None:
        await handle_submitted(event, held, found)

    return create_event_app("extract", {DOCUMENT_SUBMITTED: submitted}, found, resources)
