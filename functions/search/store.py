"""The search function's queries; each takes a connection for itself, late, and gives it back at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from functions.search.scope import Scope
from shared.database import UNAVAILABLE, load_sql
from shared.models import Model, sql_for
from shared.problems import DependencyUnavailable

if TYPE_CHECKING:
    from shared.resources import Resources

POSTINGS_A_TERM = 300
"""Best postings read for a term: 1000 find nothing more among SciFact's first hundred (docs/benchmarks.md)."""

POSTINGS_A_QUERY = 6000
"""Bounds what a query of hundreds of words costs: its terms share this, and rare ones are read whole all the same."""

LEAST_POSTINGS_A_TERM = 20

EXACT_PASSAGES = 5000
"""Filters that leave fewer are answered by scoring each passage: some 10 ms, and nothing is missed."""

SCAN_COST = 800
"""Comparing n of N vectors costs n; finding 100 of them through the graph about SCAN_COST * N / n (both measured)."""

MOST_COMPARED = 50_000
"""The most vectors to compare one by one where the graph gave too few: some 50 ms."""


@dataclass(frozen=True, slots=True)
class LexicalHits:
    """terms: distinct lexemes of the query; scores: BM25 by passage id, best first."""

    terms: int
    version: int
    scores: dict[int, float]


@dataclass(frozen=True, slots=True)
class DenseHits:
    """scores: cosine similarity by passage id, best first; others: of the passages asked for besides."""

    scores: dict[int, float]
    others: dict[int, float]


class Store:
    """Postgres as the search function sees it."""

    def __init__(self, resources: "Resources") -> None:
        self._resources = resources
        self._acquire_timeout_s = resources.settings.database_acquire_timeout_s

    async def _rows(self, query: str, *arguments: Any) -> list[Any]:
        pool = await self._resources.pool()
        try:
            async with pool.acquire(timeout=self._acquire_timeout_s) as connection:
                rows: list[Any] = await connection.fetch(query, *arguments)
        except UNAVAILABLE as exc:
            raise DependencyUnavailable("Postgres", str(exc) or type(exc).__name__) from exc
        return rows

    async def _row(self, query: str, *arguments: Any) -> Any:
        return (await self._rows(query, *arguments))[0]

    async def scope(self, names: list[str] | None) -> Scope:
        """Return the scope of the collections named, of all where `names` is None."""
        row = await self._row(load_sql(__file__, "scope"), names)
        model = None
        if row["model_id"] is not None:
            model = Model(row["model_id"], row["model"], row["dimension"], active=True)
        return Scope(
            collections=row["ids"],
            names=frozenset(row["names"]),
            passages=row["passages"],
            everything=row["everything"],
            version=row["version"],
            model=model,
        )

    async def narrow(self, scope: Scope, filters: tuple[Any, ...]) -> Scope:
        """Return `scope` with filters and the number of passages they leave."""
        row = await self._row(load_sql(__file__, "filtered_passages"), scope.collections, *filters)
        return replace(scope, passages=row["passages"], filters=filters)

    async def lexical(self, query: str, scope: Scope, count: int) -> LexicalHits:
        """Return the `count` best passages by BM25."""
        words = query.count(" ") + 1
        depth = max(LEAST_POSTINGS_A_TERM, min(POSTINGS_A_TERM, POSTINGS_A_QUERY // words))
        depth = max(depth, count)
        candidates = count + count // 2
        if scope.filters is None:
            row = await self._row(
                load_sql(__file__, "lexical_ranked"), query, scope.collections, depth, candidates, count
            )
        elif scope.passages <= EXACT_PASSAGES:
            row = await self._row(load_sql(__file__, "lexical_exact"), query, scope.collections, count, *scope.filters)
        else:
            row = await self._row(
                load_sql(__file__, "lexical_filtered"),
                query,
                scope.collections,
                depth,
                candidates,
                count,
                *scope.filters,
            )
        scores = dict(zip(row["passage_ids"] or (), row["scores"] or (), strict=True))
        return LexicalHits(row["terms"], row["version"], scores)

    async def dense(
        self, vector: bytes, model: Model, scope: Scope, count: int, others: Sequence[int] = ()
    ) -> DenseHits:
        """Return the `count` nearest passages, and the similarity of `others` wherever they rank."""
        wanted = list(others)
        if scope.passages**2 <= SCAN_COST * scope.everything and not scope.whole:
            return await self._compare(vector, model, scope, count, wanted)
        found = await self._walk(vector, model, scope, count, wanted)
        if len(found.scores) < min(count, scope.passages) and not scope.whole and scope.passages <= MOST_COMPARED:
            return await self._compare(vector, model, scope, count, wanted)
        return found

    async def _walk(self, vector: bytes, model: Model, scope: Scope, count: int, others: list[int]) -> DenseHits:
        """Ask the graph; it goes on until `count` passages have passed the filters."""
        if scope.filters is None:
            query = sql_for(load_sql(__file__, "dense_ranked"), model)
            collections = None if scope.whole else scope.collections
            return _dense_hits(await self._row(query, vector, str(count), collections, count, others))
        query = sql_for(load_sql(__file__, "dense_filtered"), model)
        return _dense_hits(await self._row(query, vector, str(count), scope.collections, count, *scope.filters, others))

    async def _compare(self, vector: bytes, model: Model, scope: Scope, count: int, others: list[int]) -> DenseHits:
        """Compare with every passage of the scope."""
        if scope.filters is None:
            query = sql_for(load_sql(__file__, "dense_collection"), model)
            return _dense_hits(await self._row(query, vector, scope.collections, count, MOST_COMPARED, others))
        query = sql_for(load_sql(__file__, "dense_exact"), model)
        return _dense_hits(await self._row(query, vector, scope.collections, count, *scope.filters, others))

    async def hits(self, passage_ids: list[int]) -> dict[int, Any]:
        """Return what is shown of the passages, by id; those removed meanwhile are missing."""
        rows = await self._rows(load_sql(__file__, "hits"), passage_ids)
        return {row["id"]: row for row in rows}

    async def contributions(self, query: str, scope: Scope, passage_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
        """Return what each term of the query adds to the BM25 score of each passage, most first."""
        rows = await self._rows(load_sql(__file__, "contributions"), query, scope.collections, passage_ids)
        terms: dict[int, list[dict[str, Any]]] = {passage_id: [] for passage_id in passage_ids}
        for row in rows:
            terms[row["passage_id"]].append({"term": row["term"], "score": row["score"]})
        return terms


def _dense_hits(row: Any) -> DenseHits:
    return DenseHits(
        dict(zip(row["passage_ids"] or (), row["similarities"] or (), strict=True)),
        dict(zip(row["other_ids"] or (), row["other_similarities"] or (), strict=True)),
    )
