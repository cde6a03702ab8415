"""One search from request to answer: legs at once, fuse, load, rerank, assemble."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.search.fusion import Fused, fuse, leg_weights
from functions.search.highlights import Highlighter
from functions.search.legs import LATE, Found, Legs, since_ms
from functions.search.queries import Queries
from functions.search.requests import SearchRequest
from functions.search.reranking import blend
from functions.search.scope import Scope
from functions.search.scopes import Scopes
from functions.search.settings import SearchSettings
from functions.search.store import Store
from shared.access import Caller
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.resources import Resources

LEAST_CANDIDATES = 100
"""Candidates a leg: fewer cost the fusion quality, more gain none (docs/benchmarks.md)."""

MOST_ATTEMPTS = 3
"""A source whose version is switched between the legs and the loading is looked for again: it must not be missed; so is
a score that its terms no longer explain, where the collection was counted anew in between."""

SAME = 1e-4
"""Relative difference of a score and its explanation that rounding makes."""

STAGES = ("embed", "lexical", "dense", "fuse", "rerank", "load", "total")


@dataclass(slots=True)
class Ranked:
    """A candidate with what is shown of it."""

    fused: Fused
    row: Any
    combined: float
    rerank: float | None = None
    rerank_rank: int | None = None


class Search:
    """The function's work, over connections that its resources hold."""

    def __init__(self, resources: "Resources", settings: SearchSettings) -> None:
        self._resources, self._settings = resources, settings
        self._store = Store(resources)
        self._scopes = Scopes(self._store)
        self._queries = Queries(resources)

    async def answer(self, request: SearchRequest, caller: Caller) -> dict[str, Any]:
        """Return the answer, in the shape of answers.SearchAnswer.

        Raises
        ------
        Problem
            404 for an unknown collection, 503 when no leg answered or the hits cannot be loaded.
        """
        started = time.perf_counter()
        for _ in range(MOST_ATTEMPTS):
            found, scope, weights, fused, ranked = await self._find(request, caller)
            terms = None
            if request.explain:
                found_ids = [item.fused.passage_id for item in ranked]
                terms = await self._store.contributions(request.query, scope, found_ids)
            if len(ranked) == len(fused) and _adds_up(terms, found):
                break
        reranker = await self._rerank(ranked, request, found) if request.rerank and ranked else None
        hits = _show(ranked[: request.limit], request.query, found, weights, terms)
        found.took_ms["total"] = since_ms(started)
        version = found.version if found.version is not None else scope.version
        model = scope.model.id if scope.model else 0
        return {
            "hits": hits,
            "degraded": found.degraded,
            "reranker": reranker,
            "index_version": f"{len(scope.collections)}.{version}.{model}",
            "took_ms": {stage: found.took_ms.get(stage) for stage in STAGES},
        }

    async def _find(
        self, request: SearchRequest, caller: Caller
    ) -> tuple[Found, Scope, dict[str, float], list[Fused], list[Ranked]]:
        """Run the legs, fuse, load; fewer are loaded than fused where passages were replaced in between."""
        legs = Legs(
            self._store,
            self._scopes.find(request, caller),
            self._settings.search_leg_timeout_s,
            self._queries.embed,
            self._queries.expected_model,
        )
        found = legs.found
        count = max(LEAST_CANDIDATES, request.limit)
        scope = await legs.run(request.query, request.legs, count)
        if scope.model is not None:
            self._queries.expected_model = scope.model.name
        _refuse_absent(request, scope, found)
        weights = leg_weights(request.context_type, list(found.legs))
        fusing = time.perf_counter()
        depth = max(request.limit, self._settings.search_rerank_top) if request.rerank else request.limit
        fused = fuse(found.legs, weights, found.completions, found.sources, depth)
        found.took_ms["fuse"] = since_ms(fusing)
        return found, scope, weights, fused, await self._load(fused, found)

    async def _load(self, fused: list[Fused], found: Found) -> list[Ranked]:
        """Return the candidates that are still there with what is shown of them."""
        if not fused:
            return []
        started = time.perf_counter()
        rows = await self._store.hits([item.passage_id for item in fused])
        found.took_ms["load"] = since_ms(started)
        return [Ranked(item, rows[item.passage_id], item.combined) for item in fused if item.passage_id in rows]

    async def _rerank(self, ranked: list[Ranked], request: SearchRequest, found: Found) -> dict[str, str] | None:
        """Reorder the top of `ranked` in place and return what did it, or say why nothing did."""
        started = time.perf_counter()
        top = ranked[: self._settings.search_rerank_top]
        documents = [f"{item.row['title']}\n{item.row['text']}" for item in top]
        timeout_s = self._settings.search_rerank_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                info = await self._resources.inference.model("reranker")
                scores = await self._resources.inference.rerank(request.query, documents, timeout_s)
        except TimeoutError:
            found.degrade("rerank", LATE.format(timeout_s))
            return None
        except Problem as exc:
            found.degrade("rerank", str(exc))
            return None
        for item, score, combined in zip(
            top, scores, blend([i.combined for i in top], scores, info.method), strict=True
        ):
            item.rerank, item.combined = score, combined
        for rank, item in enumerate(sorted(top, key=lambda item: -(item.rerank or 0.0)), start=1):
            item.rerank_rank = rank
        ranked[: len(top)] = sorted(top, key=lambda item: (-item.combined, item.fused.passage_id))
        found.took_ms["rerank"] = since_ms(started)
        return {"model": info.model_name, "method": info.method}


def _refuse_absent(request: SearchRequest, scope: Scope, found: Found) -> None:
    """Say what was asked for and is not there."""
    if request.use_graph:
        found.degrade("graph", "this version has no concept graph")
    if request.use_citations:
        found.degrade("citations", "this version does not count citations")
    if scope.everything == 0:
        found.degrade("index", "nothing is indexed yet; POST /documents adds to it")


def _adds_up(terms: dict[int, list[dict[str, Any]]] | None, found: Found) -> bool:
    """Return whether the terms, where they were asked for, explain the lexical scores: one index gave both."""
    lexical = found.legs.get("lexical", {})
    return all(
        math.isclose(sum(term["score"] for term in parts), lexical[key], rel_tol=SAME)
        for key, parts in (terms or {}).items()
        if key in lexical
    )


def _show(
    ranked: list[Ranked],
    query: str,
    found: Found,
    weights: dict[str, float],
    terms: dict[int, list[dict[str, Any]]] | None,
) -> list[dict[str, Any]]:
    highlighter = Highlighter(query)
    none: dict[int, float] = {}
    lexical, dense = found.legs.get("lexical", none), found.legs.get("dense", none)
    lexical_ranks = {key: rank for rank, key in enumerate(lexical, start=1)}
    dense_ranks = {key: rank for rank, key in enumerate(dense, start=1)}
    similarities = {**found.completions.get("dense", none), **dense}
    hits = []
    for item in ranked:
        key, row = item.fused.passage_id, item.row
        hit = {
            "id": key,
            "text": row["text"],
            "page_start": row["page_start"],
            "page_end": row["page_end"],
            "section": row["section"],
            "highlights": highlighter.spans(row["text"]),
            "source": _source(row),
            "scores": {
                "lexical": lexical.get(key),
                "dense": similarities.get(key),
                "rerank": item.rerank,
                "combined": item.combined,
            },
            "ranks": {
                "lexical": lexical_ranks.get(key),
                "dense": dense_ranks.get(key),
                "rerank": item.rerank_rank,
            },
        }
        if terms is not None:
            hit["explanation"] = {
                "weights": weights,
                "normalized": item.fused.normalized,
                "terms": terms.get(key, []),
            }
        hits.append(hit)
    return hits


def _source(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["source_id"]),
        "external_id": row["external_id"],
        "title": row["title"],
        "authors": row["authors"],
        "year": row["year"],
        "venue": row["venue"],
        "doi": row["doi"],
        "arxiv_id": row["arxiv_id"],
        "url": row["url"],
        "source_type": row["source_type"],
        "collection": row["collection"],
        "metadata": row["metadata"],
    }
