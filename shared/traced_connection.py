"""Postgres connections that record a span a statement: its file's name and how long it took, never its values.

Imported only where spans go somewhere; elsewhere statements run on asyncpg's own connections.
"""

from typing import Any

import asyncpg

from shared.database import statement_name
from shared.tracing import CLIENT, Span, span


def _span_of(query: str) -> Span:
    name = statement_name(query)
    return span(name, CLIENT, {"db.system.name": "postgresql", "db.query.summary": name})


class TracedConnection(asyncpg.Connection):
    """A connection whose statements are spans of the trace that runs them."""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """As asyncpg's."""
        with _span_of(query):
            return await super().execute(query, *args, **options)

    async def executemany(self, command: str, args: Any, **options: Any) -> None:
        """As asyncpg's."""
        with _span_of(command):
            await super().executemany(command, args, **options)

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        with _span_of(query):
            return await super().fetch(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        with _span_of(query):
            return await super().fetchrow(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        with _span_of(query):
            return await super().fetchval(query, *args, **options)
