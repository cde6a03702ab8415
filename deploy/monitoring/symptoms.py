"""Alerts on what a user or an operator would notice, each with its runbook."""

from dataclasses import dataclass
from typing import Any

RUNBOOKS = "docs/runbooks"
"""Relative to the repository: whoever publishes the pages elsewhere puts the address before it."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """One alert; `runbook` is the page's name in docs/runbooks, without its ending."""

    alert: str
    expression: str
    wait: str
    severity: str
    summary: str
    runbook: str

    def rule(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        return {
            "alert": self.alert,
            "expr": self.expression,
            "for": self.wait,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "runbook_url": f"{RUNBOOKS}/{self.runbook}.md"},
        }


FRESHNESS = "histogram_quantile(0.95, sum by (le)(rate(research_kb_document_freshness_seconds_bucket[30m])))"
FAILED = 'sum(increase(research_kb_documents_settled_total{outcome="failed"}[1h]))'
WITHOUT_MEANING = 'sum(rate(research_kb_search_degraded_total{part="dense"}[10m]))'
SEARCHES = "sum(rate(research_kb_searches_total[10m]))"
EMPTY = 'sum(increase(research_kb_searches_total{outcome="empty"}[6h]))'
OVER_LIMIT = 'sum(increase(research_kb_request_refusals_total{reason=~"rate|concurrency"}[1h]))'

SYMPTOMS = (
    Symptom(
        "ResearchKbMetricsAbsent",
        "absent(research_kb_database_up)",
        "15m",
        "page",
        "Prometheus gets nothing from the metrics function: every other alert is blind",
        "metrics-absent",
    ),
    Symptom(
        "ResearchKbDeadLetters",
        "max(research_kb_dead_letters) > 0",
        "10m",
        "ticket",
        "Events were given up and wait for a decision",
        "dead-letters",
    ),
    Symptom(
        "ResearchKbOutboxStuck",
        "max(research_kb_outbox_oldest_seconds) > 1200",
        "5m",
        "page",
        "Events have not reached Kafka for twenty minutes: two sweeps have passed them",
        "outbox-stuck",
    ),
    Symptom(
        "ResearchKbRelayInactive",
        "max(research_kb_bridge_relay_active) < 1",
        "5m",
        "page",
        "No bridge relays the outbox",
        "outbox-stuck",
    ),
    Symptom(
        "ResearchKbEventsLag",
        "sum by (subscription)(research_kb_bridge_lag_records) > 1000 "
        "and sum by (subscription)(deriv(research_kb_bridge_lag_records[15m])) >= 0",
        "15m",
        "ticket",
        "Events pile up faster than they are handled",
        "events-lag",
    ),
    Symptom(
        "ResearchKbStale",
        f"{FRESHNESS} > 900",
        "15m",
        "ticket",
        "Documents take longer than a quarter of an hour to become searchable",
        "stale",
    ),
    Symptom(
        "ResearchKbDocumentsFail",
        f"{FAILED} >= 5 and {FAILED} / sum(increase(research_kb_documents_settled_total[1h])) > 0.2",
        "10m",
        "ticket",
        "More than a fifth of the documents fail",
        "documents-fail",
    ),
    Symptom(
        "ResearchKbSearchesWithoutMeaning",
        f"{WITHOUT_MEANING} / ({SEARCHES} > 0) > 0.05",
        "10m",
        "ticket",
        "Searches are answered by words alone",
        "inference-away",
    ),
    Symptom(
        "ResearchKbInferenceAway",
        "max(research_kb_inference_up) < 1",
        "15m",
        "ticket",
        "The model server does not answer",
        "inference-away",
    ),
    Symptom(
        "ResearchKbConnections",
        "sum(research_kb_database_connections) / max(research_kb_database_connections_limit) > 0.85",
        "5m",
        "page",
        "Postgres runs out of connections",
        "connections",
    ),
    Symptom(
        "ResearchKbEmptyAnswers",
        f"{EMPTY} >= 20 and {EMPTY} / sum(increase(research_kb_searches_total[6h])) > 0.3",
        "1h",
        "ticket",
        "Three in ten searches find nothing",
        "empty-answers",
    ),
    Symptom(
        "ResearchKbLimits",
        f"{OVER_LIMIT} >= 100",
        "15m",
        "ticket",
        "Callers meet their limits often: a runaway client, or a tier too small",
        "limits",
    ),
)
