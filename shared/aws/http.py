"""HTTP functions on Lambda: events of API Gateway (v1, v2) and of load balancers, translated by Mangum."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES

from shared.aws import runtime

if TYPE_CHECKING:
    from fastapi import FastAPI

# Mangum sends as base64 what it does not know as text.
TEXT_TYPES = [*DEFAULT_TEXT_MIME_TYPES, "application/problem+json", "application/x-ndjson"]


class HttpHandler:
    """What Lambda calls. The app is made while the environment starts; connections by the first request."""

    def __init__(self, create_app: "Callable[[], FastAPI]") -> None:
        runtime.prepare_environment()
        self.app = create_app()
        # The lifespan would run at every invocation, and close the pool each time.
        self._mangum = Mangum(self.app, lifespan="off", text_mime_types=TEXT_TYPES)

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer one event."""
        runtime.thaw()
        try:
            return self._mangum(event, context)
        finally:
            runtime.settle(self.app)

    def close(self) -> None:
        """Close the connections; Lambda never asks for it."""
        runtime.close(self.app)
