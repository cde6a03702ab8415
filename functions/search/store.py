"""The search function's queries; each takes a connection for itself, late, and gives it back at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from functions.search.scope import Scope
from shared.database import UNAVAILABLE, load_sql
from shared.models import Model, sql_for
from shared.problems import DependencyUnavailable

if TYPE_CHECKING:
    from shared.resources import Resources

READ_WHOLE = 1000
"""Collections of so many passages or fewer are read whole: it costs no more, and nothing is approximate."""

LEAST_DEPTH, PASSAGES_A_POSTING, MOST_DEPTH = 300, 75, 3000
"""Postings read for a term of larger ones, on average: LEAST_DEPTH and one for each PASSAGES_A_POSTING passages, but
not more than MOST_DEPTH. Finds 99 % of the exact first ten among 10 000 passages, 98 % among 126 000.
"""

FULL_DEPTH_TERMS = 20
"""Queries of more terms share what these would read: it bounds the cost of hundreds of words. Rare ones are read whole
all the same."""

PASSAGES_A_CANDIDATE = 2500
"""Candidates beyond those asked for, scored exactly too: half as many, and one more for each so many passages."""

EXACT_PASSAGES = 5000
"""Filters that leave fewer are answered by scoring each passage, 8 µs apiece: nothing is missed."""

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
    """scores: cosine by passage id, best first; others: of the passages asked for besides; sources: of both."""

    scores: dict[int, float]
    others: dict[int, float]
    sources: dict[int, UUID]


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
        depth, candidates = reading_depth(query, scope.passages), candidate_count(count, scope.passages)
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
            query = ranked_query(model, count)
            collections = None if scope.whole else scope.collections
            return _dense_hits(await self._row(query, vector, str(count), collections, others))
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


def ranked_query(model: Model, count: int) -> str:
    """Return the statement that walks a model's graph for `count` hits."""
    return sql_for(load_sql(__file__, "dense_ranked"), model).replace("{count}", str(int(count)))


def reading_depth(query: str, passages: int) -> int:
    """Return how many postings to read for a term, on average, of a query over so many passages."""
    if passages <= READ_WHOLE:
        return passages * 1000  # rare terms take most of it, and yet common ones get what they have
    depth = min(LEAST_DEPTH + passages // PASSAGES_A_POSTING, MOST_DEPTH)
    return max(20, depth * FULL_DEPTH_TERMS // max(FULL_DEPTH_TERMS, query.count(" ") + 1))


def candidate_count(count: int, passages: int) -> int:
    """Return how many candidates to score exactly for `count` hits among so many passages."""
    return count + count // 2 + min(passages // PASSAGES_A_CANDIDATE, 200)


def _dense_hits(row: Any) -> DenseHits:
    ids, others = row["passage_ids"] or [], row["other_ids"] or []
    sources = [*(row["source_ids"] or ()), *(row["other_source_ids"] or ())]
    return DenseHits(
        dict(zip(ids, row["similarities"] or (), strict=True)),
        dict(zip(others, row["other_similarities"] or (), strict=True)),
        dict(zip([*ids, *others], sources, strict=True)),
    )
