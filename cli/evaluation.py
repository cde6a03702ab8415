"""Measuring retrieval over HTTP: every query of a test set, by each leg and by their combinations."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

from cli.errors import CommandFailed, ServerProblem, UsageError
from cli.evaluation_set import EvaluationSet, records
from cli.files import Found
from cli.ingest import Outcome, ingest
from cli.metrics import average_precision, ndcg, percentile, recall, reciprocal_rank
from cli.progress import ProgressDisplay
from cli.server import Server
from cli.uploads import Defaults

# Measures look at the first hundred documents; a long document answers with several passages, so ask for twice as many.
DEPTH = 100
PASSAGES_ASKED = 200
# The connection, the server's pools and its prepared statements are there before the first query is timed.
WARM_UP_QUERIES = 5
# A key that is left behind by a killed evaluation ends by itself.
KEY_LIFETIME = timedelta(hours=12)

SYSTEMS: dict[str, dict[str, Any]] = {
    "lexical": {"legs": ["lexical"], "rerank": False},
    "dense": {"legs": ["dense"], "rerank": False},
    "hybrid": {"legs": ["lexical", "dense"], "rerank": False},
    "hybrid+rerank": {"legs": ["lexical", "dense"], "rerank": True},
}


@dataclass(frozen=True)
class Answer:
    """One query's answer: external ids of distinct sources, best first; the seconds it took; what was degraded."""

    ranking: list[str]
    seconds: float
    degraded: list[str]
    reranker: str | None


@dataclass(frozen=True)
class Measured:
    """The means of one system over all queries; latencies in milliseconds as the caller sees them."""

    system: str
    queries: int
    ndcg_at_10: float
    map_at_100: float
    recall_at_100: float
    mrr: float
    p50_ms: float
    p95_ms: float
    degraded: dict[str, int]
    reranker: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the figures for programs."""
        return asdict(self)


def collection_name(set_name: str) -> str:
    """Return the collection of a test set: `eval-` and the folder's name in plain characters."""
    return "eval-" + re.sub(r"[^a-z0-9._-]+", "-", set_name.lower()).strip("-")


@contextmanager
def evaluation_key(server: Server, collection: str) -> Iterator[str]:
    """Make a key for `collection` alone whose limits an evaluation does not reach; revoke it at the end."""
    body = {
        "name": f"research-kb {collection}",
        "tier": "premium",
        "scopes": ["search", "read", "ingest"],
        "collections": [collection],
        "expires_at": (datetime.now(UTC) + KEY_LIFETIME).isoformat(),
        "limits": {"per_hour": 10_000_000, "concurrent": 256},
    }
    try:
        made = server.post("/keys", body, repeatable=False)
    except ServerProblem as exc:
        if exc.status not in {401, 403}:
            raise
        action = "An evaluation makes a key of its own: set RESEARCH_KB_API_KEY to one with the scope admin."
        raise CommandFailed("The key may not make keys", exc.detail, action, members=exc.members) from exc
    try:
        yield made["key"]
    finally:
        server.delete(f"/keys/{made['id']}")


def load(
    server: Server, evaluation_set: EvaluationSet, collection: str, timeout_s: float, display: ProgressDisplay
) -> Outcome:
    """Load the documents; those already there are left alone by the server. Raises: CommandFailed when one failed."""
    empty: list[str] = []
    outcome = ingest(
        server,
        Found(records=[evaluation_set.documents]),
        records(evaluation_set, collection, empty),
        Defaults(collection),
        concurrency=2,
        wait=True,
        timeout_s=timeout_s,
        display=display,
    )
    if empty:
        display.say(f"{len(empty)} documents have neither title nor text and are left out: {', '.join(empty[:10])}")
    if outcome.failures:
        first = outcome.failures[0]
        detail = f"{len(outcome.failures)} documents, the first: {first['place']}: {first['problem']}"
        raise CommandFailed("Not every document could be loaded", detail, "Correct them, or the server, and run again.")
    return outcome


def ask(server: Server, collection: str, query: str, options: dict[str, Any]) -> Answer:
    """Ask one query; of several passages of a source the best one stands for it."""
    body = {"query": query, "limit": PASSAGES_ASKED, "collection": collection, **options}
    started = time.perf_counter()
    answer = server.post("/search", body)
    seconds = time.perf_counter() - started
    ranking = list(dict.fromkeys(str(hit["source"]["external_id"]) for hit in answer["hits"]))[:DEPTH]
    degraded = [f"{entry['what']}: {entry['why']}" for entry in answer["degraded"]]
    reranker = answer["reranker"]
    return Answer(ranking, seconds, degraded, f"{reranker['model']} ({reranker['method']})" if reranker else None)


def unlike(query: str, variant: int) -> str:
    """Return `query` with `variant` more spaces between its first two words.

    No tokenizer sees a difference, but the server's cache of query vectors does: each system pays for its own.
    """
    return query.replace(" ", " " * (1 + variant), 1)


def run_system(
    server: Server,
    evaluation_set: EvaluationSet,
    collection: str,
    system: str,
    *,
    concurrency: int,
    on_answer: Callable[[int], None],
) -> Measured:
    """Ask every query of `evaluation_set` with at most `concurrency` in flight and measure the answers."""
    options, variant = SYSTEMS[system], list(SYSTEMS).index(system)
    for query in list(evaluation_set.queries.values())[:WARM_UP_QUERIES]:
        ask(server, collection, unlike(query, variant + len(SYSTEMS)), options)
    with ThreadPoolExecutor(concurrency) as pool:
        futures = [
            (name, pool.submit(ask, server, collection, unlike(query, variant), options))
            for name, query in evaluation_set.queries.items()
        ]
        answers = {}
        for done, (name, future) in enumerate(futures, start=1):
            answers[name] = future.result()
            on_answer(done)
    return measure(system, evaluation_set, answers)


def measure(system: str, evaluation_set: EvaluationSet, answers: dict[str, Answer]) -> Measured:
    """Return the means over all queries."""
    pairs = [(answer.ranking, evaluation_set.judgements[name]) for name, answer in answers.items()]
    latencies_ms = [answer.seconds * 1000 for answer in answers.values()]
    degraded: dict[str, int] = {}
    for answer in answers.values():
        for reason in answer.degraded:
            degraded[reason] = degraded.get(reason, 0) + 1
    return Measured(
        system,
        len(pairs),
        fmean(ndcg(ranking, judged, 10) for ranking, judged in pairs),
        fmean(average_precision(ranking, judged) for ranking, judged in pairs),
        fmean(recall(ranking, judged, DEPTH) for ranking, judged in pairs),
        fmean(reciprocal_rank(ranking, judged) for ranking, judged in pairs),
        percentile(latencies_ms, 0.5),
        percentile(latencies_ms, 0.95),
        degraded,
        next((answer.reranker for answer in answers.values() if answer.reranker), None),
    )


def chosen_systems(names: list[str] | None) -> list[str]:
    """Return the systems to measure, all by default. Raises: UsageError for an unknown one."""
    unknown = set(names or []) - SYSTEMS.keys()
    if unknown:
        raise UsageError(f"Unknown system: {', '.join(sorted(unknown))}", f"Known: {', '.join(SYSTEMS)}.")
    return names or list(SYSTEMS)
