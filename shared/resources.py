"""What a function holds open: the database pool, the inference client, the object store; each made by its first use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from shared.objects import Objects
from shared.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    from events.publisher import Publisher
    from shared.inference import Inference


class Resources:
    """The connections of one process. One-process deployments share a single object between all functions."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.objects = Objects(settings.object_store())
        self._pool: asyncpg.Pool[Any] | None = None
        self._inference: Inference | None = None
        self._next_inference: Inference | None = None
        self._publisher: Publisher | None = None
        self._opening = asyncio.Lock()
        self._callbacks: list[Callable[[], Awaitable[None]]] = []

    def on_close(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run `callback` when the connections are closed."""
        self._callbacks.append(callback)

    async def pool(self) -> "asyncpg.Pool[Any]":
        """Return the pool; a Problem 503 when Postgres does not answer."""
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    from shared.database import open_pool

                    settings = self.settings
                    self._pool = await open_pool(
                        settings.database_url, settings.database_pool_size, settings.database_command_timeout_s
                    )
        return self._pool

    def pool_connections(self) -> tuple[int, int]:
        """Return how many connections of the pool are in use and how many are idle; none before the pool is opened."""
        if self._pool is None:
            return 0, 0
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle

    @property
    def inference(self) -> "Inference":
        """The client of the model server."""
        if self._inference is None:
            from shared.inference import Inference

            self._inference = Inference(self.settings.triton_url, self.settings.triton_timeout_s)
        return self._inference

    def embedder(self, model_name: str) -> "Inference | None":
        """Return the client of the model server that the settings name for a model, or None when they name none."""
        settings = self.settings
        if model_name == settings.embedder_model:
            return self.inference
        if not settings.next_triton_url or model_name != settings.next_embedder_model:
            return None
        if self._next_inference is None:
            from shared.inference import Inference

            self._next_inference = Inference(settings.next_triton_url, settings.triton_timeout_s)
        return self._next_inference

    @property
    def publisher(self) -> "Publisher | None":
        """What publishes this process's events; None where the bridge does."""
        if self._publisher is None and self.settings.publishes:
            from events.publisher import Publisher

            self._publisher = Publisher(self)
        return self._publisher

    async def close(self) -> None:
        """Close what was opened; events being published and running queries get five seconds each."""
        if self._publisher is not None:
            await self._publisher.close()
        for callback in self._callbacks:
            await callback()
        for inference in (self._inference, self._next_inference):
            if inference is not None:
                await inference.close()
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except TimeoutError:
                self._pool.terminate()
