"""The connection on which requests are admitted and leave: one a function, apart from the pool."""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

    from shared.settings import Settings
    from shared.tokens import Tokens

IDLE_S = 60.0
"""A function about to scale to zero holds no idle backend; the pool's connections end after the same time."""


class Door:
    """Statements of a tenth of a millisecond, one after the other on a connection of their own.

    A pool busy with slow queries keeps nobody waiting at the door, and borrowing a connection would cost as much as
    the statement. The connection is made by its first use and again after a loss.
    """

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._tokens: Tokens | None = None
        self._dsn, self._timeout_s = settings.database_url, settings.database_acquire_timeout_s
        self._connection: asyncpg.Connection[Any] | None = None
        self._turn = asyncio.Lock()
        self._used_at = 0.0

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """Return the first row of `query`.

        Raises
        ------
        DependencyUnavailable
            When Postgres does not answer in time.
        """
        from shared.database import UNAVAILABLE
        from shared.problems import DependencyUnavailable

        try:
            async with self._turn:
                connection = self._connection
                if connection is None or connection.is_closed():
                    connection = await self._open()
                self._used_at = asyncio.get_running_loop().time()
                return await connection.fetchrow(query, *arguments)
        except UNAVAILABLE as exc:
            raise DependencyUnavailable("Postgres", "Keys cannot be checked without it.") from exc

    async def tokens(self) -> "Tokens":
        """Return what checks tokens. Its libraries are loaded beside the loop: they take a third of a second."""
        if self._tokens is None:
            module = await asyncio.to_thread(importlib.import_module, "shared.tokens")
            self._tokens = self._tokens or module.Tokens(self._settings)
        return self._tokens

    async def _open(self) -> "asyncpg.Connection[Any]":
        import asyncpg

        from shared.database import connection_class

        connection = await asyncpg.connect(
            self._dsn,
            timeout=self._timeout_s,
            command_timeout=self._timeout_s,
            connection_class=connection_class(),
        )
        self._connection = connection
        asyncio.get_running_loop().call_later(IDLE_S, self._close_if_idle, connection)
        return connection

    def _close_if_idle(self, connection: "asyncpg.Connection[Any]") -> None:
        if connection.is_closed():
            return
        loop = asyncio.get_running_loop()
        idle_s = loop.time() - self._used_at
        if idle_s >= IDLE_S and not self._turn.locked():
            connection.terminate()
        else:
            loop.call_later(max(IDLE_S - idle_s, 1.0), self._close_if_idle, connection)

    async def close(self) -> None:
        """Close the connection after the statement under way."""
        async with self._turn:
            if self._connection is not None:
                await self._connection.close(timeout=self._timeout_s)
                self._connection = None
