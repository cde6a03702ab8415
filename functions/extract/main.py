"""The extract function: document.submitted in, passages and passages.extracted out."""

from fastapi import FastAPI

from events.cloudevents import CloudEvent
from events.receiver import Outcome, create_event_app
from events.topics import DOCUMENT_SUBMITTED
from functions.extract import sandbox
from functions.extract.handler import handle_submitted
from functions.extract.settings import ExtractSettings
from shared.resources import Resources


def create_app(settings: ExtractSettings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given.

    Raises UnusableSetting when the tokenizer is missing, unless `resources` are given: the embedded stack's process
    starts while the model is being made, and documents wait for it.
    """
    found = settings or ExtractSettings()
    if resources is None:
        found.check_tokenizer()

    async def submitted(event: CloudEvent, held: Resources) -> Outcome:
        return await handle_submitted(event, held, found)

    app = create_event_app("extract", {DOCUMENT_SUBMITTED: submitted}, found, resources)
    held: Resources = app.state.resources
    held.on_close(sandbox.close)
    return app
