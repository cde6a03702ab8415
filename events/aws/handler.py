"""What Lambda calls for an event function: Kafka batches, a schedule's tick, or HTTP."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from events.aws.batch import Batch
from events.aws.local_client import post
from events.aws.records import SOURCES, read_records
from events.aws.settings import LambdaSettings
from shared.aws import runtime

if TYPE_CHECKING:
    from fastapi import FastAPI


class ScheduledWorkFailed(RuntimeError):
    """The work that a schedule asked for failed; the schedule's own retries and the alarm on errors see it."""


class EventHandler:
    """The app is made while the environment starts; connections by the first record."""

    def __init__(self, name: str, create_app: "Callable[[], FastAPI]", scheduled_path: str = "") -> None:
        runtime.prepare_environment()
        self.app, self._name, self._scheduled_path = create_app(), name, scheduled_path
        self._settings = LambdaSettings()

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Process one event; a Kafka batch is answered with its partial failures."""
        runtime.thaw()
        try:
            if event.get("eventSource") in SOURCES:
                return {"batchItemFailures": runtime.run(self._process(event, context))}
            if self._scheduled_path and event.get("source") in ("aws.scheduler", "aws.events"):
                return runtime.run(self._tick())
        finally:
            runtime.settle(self.app)
        raise ValueError(f"{self._name} takes Kafka batches{' and schedules' if self._scheduled_path else ''} alone.")

    async def _process(self, event: Any, context: Any) -> list[dict[str, Any]]:
        left_s = context.get_remaining_time_in_millis() / 1000 - self._settings.lambda_reserve_s
        deadline = asyncio.get_running_loop().time() + left_s
        return await Batch(self._name, self.app, self._settings, deadline).process(list(read_records(event)))

    async def _tick(self) -> dict[str, Any]:
        answer = await post(self.app, self._scheduled_path, {}, b"")
        if answer.status != 200:
            raise ScheduledWorkFailed(answer.reason)
        return {"status": "done"}

    def close(self) -> None:
        """Close the connections; Lambda never asks for it."""
        runtime.close(self.app)
