"""Every metric of GET /metrics that comes from Postgres: names, labels, buckets. docs/metrics.md lists the same.

A change of buckets needs a migration that removes or converts the sums, which lie in the table histograms.
"""

from dataclasses import dataclass
from typing import Literal

# From an answer out of memory to the longest request; .2 s is the objective of a search.
REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
STAGE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# From a note to a book behind a backlog of hours.
FRESHNESS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 21600.0)
HITS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
# Standard deviations above the mean candidate.
SCORE = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)
GAP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `zero`: values of its only label that are shown from the start, so that the first event is seen."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    zero: tuple[str, ...] = ()


SEARCHES = Family(
    "research_kb_searches_total",
    "counter",
    "Searches answered, by outcome; empty: no hit, whatever was left out; degraded: hits, and a part was left out.",
    ("outcome",),
    zero=("found", "empty", "degraded"),
)
SEARCH_SECONDS = Family(
    "research_kb_search_seconds",
    "histogram",
    "Seconds of an answered search in its function, from its arrival until its answer is made, admission included.",
    bounds=REQUEST_S,
)
STAGE_SECONDS = Family(
    "research_kb_search_stage_seconds",
    "histogram",
    "Seconds of a search's stage: embed, lexical, dense, fuse, rerank, load; the legs run at once.",
    ("stage",),
    STAGE_S,
)
SEARCH_HITS = Family("research_kb_search_hits", "histogram", "Hits of a search.", bounds=HITS)
TOP_SCORE = Family(
    "research_kb_search_top_score",
    "histogram",
    "Combined score of a search's first hit; 0 is its mean candidate.",
    bounds=SCORE,
)
SCORE_GAP = Family(
    "research_kb_search_score_gap",
    "histogram",
    "From the combined score of a search's first hit to that of its second.",
    bounds=GAP,
)
DEGRADED = Family(
    "research_kb_search_degraded_total",
    "counter",
    "Searches answered without a part that failed or is not there: lexical, dense, rerank, graph, citations, index.",
    ("part",),
    zero=("lexical", "dense", "rerank"),
)
REQUESTS = Family(
    "research_kb_requests_total", "counter", "Admitted requests answered.", ("function", "method", "status")
)
REQUEST_SECONDS = Family(
    "research_kb_request_seconds",
    "histogram",
    "Seconds of an admitted request in its function, from its arrival there until its answer is made.",
    ("function",),
    REQUEST_S,
)
REFUSALS = Family(
    "research_kb_request_refusals_total",
    "counter",
    "Requests refused: missing, malformed, unknown, revoked or expired key, token, scope, rate, concurrency.",
    ("reason", "tier"),
)
FEEDBACK = Family(
    "research_kb_feedback_total",
    "counter",
    "What askers said of passages found.",
    ("verdict",),
    zero=("relevant", "irrelevant", "clicked"),
)
DOCUMENTS_SETTLED = Family(
    "research_kb_documents_settled_total",
    "counter",
    "Documents that became searchable, failed, or were overtaken before.",
    ("outcome",),
    zero=("indexed", "failed", "superseded"),
)
FRESHNESS = Family(
    "research_kb_document_freshness_seconds",
    "histogram",
    "Seconds from a document's acceptance until it is found by words and meaning.",
    bounds=FRESHNESS_S,
)
DELETION = Family(
    "research_kb_deletion_seconds",
    "histogram",
    "Seconds from a source's deletion until those who consume its event know.",
    bounds=FRESHNESS_S,
)
EVENTS = Family(
    "research_kb_events_handled_total",
    "counter",
    "Events added up here, each once.",
    ("type",),
    zero=("search.performed", "source.indexed", "source.deleted"),
)
COLD_STARTS = Family(
    "research_kb_cold_starts_total", "counter", "First requests or events of processes.", ("function",)
)

SUMMED = (
    SEARCHES, SEARCH_SECONDS, STAGE_SECONDS, SEARCH_HITS, TOP_SCORE, SCORE_GAP, DEGRADED, REQUESTS, REQUEST_SECONDS,
    REFUSALS, FEEDBACK, DOCUMENTS_SETTLED, FRESHNESS, DELETION, EVENTS, COLD_STARTS,
)  # fmt: skip
"""What events add to."""

DATABASE_UP = Family("research_kb_database_up", "gauge", "1 while Postgres answers; without it nothing below is shown.")
INFERENCE_UP = Family("research_kb_inference_up", "gauge", "1 while the model server is ready.")
STATE = (
    Family("research_kb_documents", "gauge", "Documents by state.", ("state",)),
    Family(
        "research_kb_documents_oldest_waiting_seconds",
        "gauge",
        "Since the acceptance of the oldest document that is queued, extracting or embedding; 0 without one.",
    ),
    Family("research_kb_sources", "gauge", "Sources."),
    Family("research_kb_passages", "gauge", "Searchable passages."),
    Family("research_kb_dead_letters", "gauge", "Dead letters that nobody has replayed."),
    Family("research_kb_outbox_events", "gauge", "Events that Kafka does not have yet."),
    Family("research_kb_outbox_oldest_seconds", "gauge", "Age of the oldest of them; 0 without one."),
    Family("research_kb_keys", "gauge", "Keys that are valid now.", ("tier",)),
    Family(
        "research_kb_database_connections",
        "gauge",
        "Connections to the database: active, idle, idle_in_transaction, other.",
        ("state",),
    ),
    Family("research_kb_database_connections_limit", "gauge", "Connections that Postgres accepts."),
)
"""What is read when it is asked for."""

FAMILIES = (*SUMMED, DATABASE_UP, INFERENCE_UP, *STATE)
