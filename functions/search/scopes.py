"""Finding the scope of a search: remembered for a moment, looked up afresh for names that are not known."""

import asyncio
import time
from typing import TYPE_CHECKING

from functions.search.requests import SearchRequest
from functions.search.scope import Scope
from shared.access import Caller
from shared.problems import Problem

if TYPE_CHECKING:
    from functions.search.store import Store

FRESH_S = 0.2
"""Names, sizes and the active model may be this old: they choose plans, while the legs read the index itself."""

_MOST_KEPT = 1000


class Scopes:
    """Scopes by the collections asked for, each kept for FRESH_S."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._kept: dict[tuple[str, ...] | None, tuple[float, asyncio.Task[Scope]]] = {}

    async def find(self, request: SearchRequest, caller: Caller) -> Scope:
        """Return the scope of a request.

        Raises
        ------
        Problem
            404 for a collection that does not exist or that the key may not see.
        """
        asked = request.collections()
        hidden = [name for name in asked or () if not caller.may_see(name)]
        if hidden:
            raise unknown_collections(hidden)
        names = asked if asked is not None else caller.collections
        scope = await self._kept_scope(names)
        if asked is not None and not scope.names.issuperset(asked):
            scope = await self._store.scope(names)  # it may have been made just now
            if missing := [name for name in asked if name not in scope.names]:
                raise unknown_collections(missing)
        filters = request.filters.values()
        return await self._store.narrow(scope, filters) if filters else scope

    async def _kept_scope(self, names: list[str] | None) -> Scope:
        key = None if names is None else tuple(sorted(names))
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept[0] < now or (kept[1].done() and (kept[1].cancelled() or kept[1].exception())):
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            kept = (now + FRESH_S, asyncio.create_task(self._store.scope(names)))
            self._kept[key] = kept
        return await asyncio.shield(kept[1])


def unknown_collections(names: list[str]) -> Problem:
    """Return the 404 that names the collections."""
    return Problem(
        404,
        "unknown-collection",
        "No such collection",
        f"Unknown, or hidden from this key: {', '.join(names)}.",
        "Correct the name, or leave it out to search every collection that the key may see.",
        collections=names,
    )
