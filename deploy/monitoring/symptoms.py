"""Alerts on what a user or an operator would notice, each with its runbook."""

from dataclasses import dataclass
from typing import Any

RUNBOOKS = "{{ with $externalLabels.runbooks }}{{ . }}{{ else }}docs/runbooks{{ end }}"
"""Where the pages are: Prometheus' external label `runbooks`, without one their folder in the repository."""


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
WITHOUT_MEANING = 'sum(rate(research_kb_search_degraded_total{part="dense"}[15m]))'
SEARCHES = "sum(rate(research_kb_searches_total[15m]))"
# At zero for want of work it is meant to be away (overlay gpu); KEDA keeps it for 25 minutes after the last search, so
# that this is true without it for five, less than the alert waits.
SEARCHED = "sum(increase(research_kb_searches_total[30m])) > 0"
WAITING = 'sum(research_kb_documents{state="embedding"}) > 0'
LAG = "research_kb:events_lag:records"
"""Records published and not yet finished, by subscription."""
# The bridge's own count, or that of Strimzi's exporter, whose groups are named research-kb.SUBSCRIPTION and whose
# partitions without a committed offset are at -1.
LAG_OF_BRIDGE = "sum by (subscription)(research_kb_bridge_lag_records)"
LAG_OF_GROUPS = (
    'sum by (subscription)(label_replace(clamp_min(kafka_consumergroup_lag{consumergroup=~"research-kb[.].+"}, 0), '
    '"subscription", "$1", "consumergroup", "research-kb[.](.+)"))'
)
RECORDINGS = [{"record": LAG, "expr": f"{LAG_OF_BRIDGE} or {LAG_OF_GROUPS}"}]
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
        f"{LAG} > 1000 and deriv({LAG}[15m]) >= 0",
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
        # Longer than the first searches of a stretch, without a GPU yet (overlay gpu), stay within the window.
        "30m",
        "ticket",
        "Searches are answered by words alone",
        "inference-away",
    ),
    Symptom(
        "ResearchKbInferenceAway",
        f"max(research_kb_inference_up) < 1 and ({SEARCHED} or {WAITING})",
        "15m",
        "ticket",
        "The model server does not answer, and somebody searches or documents wait",
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
