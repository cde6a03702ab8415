"""Running the legs at once, each within its time; what fails or is late is left out and said."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from functions.search.scope import Scope
from functions.search.store import LexicalHits, Store
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.inference import QueryVector

Embed = Callable[[str, str], Awaitable["QueryVector"]]
"""Query and name of a model to its vector."""

LATE = "no answer within {:g} s"


@dataclass(slots=True)
class Found:
    """What the legs brought.

    legs: raw scores by passage id, best first, of each leg that answered. failed: the reason, of each that did not.
    completions: by leg, scores of passages that only another leg chose. sources: of the candidates, where known.
    took_ms: by stage. version: of the lexical index as the leg saw it.
    """

    legs: dict[str, dict[int, float]] = field(default_factory=dict)
    completions: dict[str, dict[int, float]] = field(default_factory=dict)
    sources: dict[int, UUID] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    degraded: list[dict[str, str]] = field(default_factory=list)
    took_ms: dict[str, float] = field(default_factory=dict)
    version: str | None = None

    def degrade(self, what: str, why: str) -> None:
        """Say what the answer does without."""
        self.degraded.append({"what": what, "why": why})


def since_ms(started: float) -> float:
    """Return the milliseconds since `started`, a reading of time.perf_counter."""
    return round((time.perf_counter() - started) * 1000, 2)


class Legs:
    """One search's legs.

    `embed` gives the query's vector by a model that is named. It is under way before the scope is known, by the model
    that is expected; when another one turns out to be active, the query is embedded again.
    """

    def __init__(
        self, store: Store, scope: Awaitable[Scope], timeout_s: float, embed: Embed, expected_model: str
    ) -> None:
        self._store, self._scope, self._timeout_s = store, scope, timeout_s
        self._embed_by, self._expected_model = embed, expected_model
        self._lexical_over = asyncio.Event()
        self.found = Found()

    async def run(self, query: str, names: Sequence[str], count: int) -> Scope:
        """Run the legs named, for `count` candidates each, and return the scope they searched.

        Raises
        ------
        Problem
            404 for an unknown collection, 503 when no leg answered.
        """
        expected = self._expected_model
        embedding = asyncio.ensure_future(self._embed(query, expected)) if "dense" in names else None
        try:
            scope = await self._scope
            async with asyncio.TaskGroup() as group:
                if "lexical" in names:
                    group.create_task(self._guard("lexical", self._lexical(query, scope, count)))
                else:
                    self._lexical_over.set()
                if embedding is not None:
                    group.create_task(self._guard("dense", self._dense(query, embedding, scope, count)))
        finally:
            if embedding is not None and not embedding.done():
                embedding.cancel()
        if not self.found.legs:
            raise _nothing_answered(self.found.failed)
        for leg, reason in self.found.failed.items():
            self.found.degrade(leg, reason)
        return scope

    async def _guard(self, leg: str, work: Awaitable[None]) -> None:
        """Let a leg fail alone."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await work
        except TimeoutError:
            self.found.failed[leg] = LATE.format(self._timeout_s)
        except Problem as exc:
            self.found.failed[leg] = str(exc)

    async def _embed(self, query: str, model_name: str) -> "QueryVector | Problem":
        started = time.perf_counter()
        try:
            vector = await self._embed_by(query, model_name)
        except Problem as exc:
            return exc
        self.found.took_ms["embed"] = since_ms(started)
        return vector

    async def _lexical(self, query: str, scope: Scope, count: int) -> None:
        started = time.perf_counter()
        try:
            hits: LexicalHits = await self._store.lexical(query, scope, count)
        finally:
            self._lexical_over.set()
        self.found.took_ms["lexical"] = since_ms(started)
        self.found.legs["lexical"], self.found.version = hits.scores, str(hits.version)
        if hits.terms == 0:
            self.found.degrade("lexical", "the query has no words to look up, only stop words or signs")

    async def _dense(
        self, query: str, embedding: Awaitable["QueryVector | Problem"], scope: Scope, count: int
    ) -> None:
        model = scope.model
        if model is None:
            self.found.failed["dense"] = "nothing has been embedded yet"
            return
        vector = await (embedding if model.name == self._expected_model else self._embed(query, model.name))
        if isinstance(vector, Problem):
            raise vector
        if len(vector) != model.dimension * 4:
            self.found.failed["dense"] = (
                f"the model server gives vectors of dimension {len(vector) // 4}, those of {model.name} have "
                f"{model.dimension}"
            )
            return
        await self._lexical_ids_known()
        started = time.perf_counter()
        hits = await self._store.dense(vector, model, scope, count, list(self.found.legs.get("lexical", ())))
        self.found.took_ms["dense"] = since_ms(started)
        scores = self.found.legs["dense"] = hits.scores
        self.found.completions["dense"], self.found.sources = hits.others, hits.sources
        if vector.truncated:
            self.found.degrade("dense", "the query is longer than the model reads: its end counts by its words alone")
        if len(scores) < min(count, scope.passages):
            wanted = min(count, scope.passages)
            self.found.degrade(
                "dense", f"under_filled: {len(scores)} of {wanted} candidates have vectors or were found"
            )

    async def _lexical_ids_known(self) -> None:
        """Wait for the lexical candidates, so that one round trip brings their similarities too.

        Embedding takes longer than the lexical leg: this waits only when that leg is in trouble, and not for long.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s / 4):
                await self._lexical_over.wait()


def _nothing_answered(failed: dict[str, str]) -> Problem:
    reasons = "; ".join(f"{leg}: {reason}" for leg, reason in failed.items())
    return Problem(
        503,
        "search-unavailable",
        "No leg of the search answered",
        reasons,
        "Try again after the time in Retry-After; GET /health tells which part is away.",
        {"Retry-After": "2"},
    )
