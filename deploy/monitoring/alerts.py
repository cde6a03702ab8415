"""Every recording and alert rule, as the text of Prometheus' rules file."""

from typing import Any

import yaml

from deploy.monitoring.cluster_symptoms import CLUSTER_SYMPTOMS
from deploy.monitoring.objectives import Objective
from deploy.monitoring.outages import OUTAGES
from deploy.monitoring.symptoms import RECORDINGS, RUNBOOKS, SYMPTOMS

ALL_REQUESTS = "sum(rate(research_kb_requests_total[WINDOW]))"
FAILED_REQUESTS = 'sum(rate(research_kb_requests_total{status=~"5.."}[WINDOW]))'
ALL_SEARCHES = "sum(rate(research_kb_search_seconds_count[WINDOW]))"
FAST_SEARCHES = 'sum(rate(research_kb_search_seconds_bucket{le="0.2"}[WINDOW]))'

OBJECTIVES = (
    Objective(
        alert="ResearchKbAvailability",
        series="research_kb:request_errors",
        bad=FAILED_REQUESTS,
        all=ALL_REQUESTS,
        budget=0.005,
        least_bad=10,
        summary="Too many requests end in 5xx (objective: 99.5 % do not)",
        runbook=f"{RUNBOOKS}/availability.md",
    ),
    Objective(
        alert="ResearchKbSearchLatency",
        series="research_kb:slow_searches",
        bad=f"{ALL_SEARCHES} - {FAST_SEARCHES}",
        all=ALL_SEARCHES,
        budget=0.05,
        least_bad=50,
        summary="Too many searches take longer than 200 ms (objective: 95 % do not)",
        runbook=f"{RUNBOOKS}/search-latency.md",
    ),
)


def groups() -> list[dict[str, Any]]:
    """Return the groups of rules."""
    recordings = [rule for objective in OBJECTIVES for rule in objective.recordings()]
    burning = [rule for objective in OBJECTIVES for rule in objective.alerts()]
    telling = [*RECORDINGS, *(symptom.rule() for symptom in SYMPTOMS)]
    return [
        {"name": "research-kb-objectives", "interval": "30s", "rules": recordings},
        {"name": "research-kb-budgets", "interval": "30s", "rules": burning},
        {"name": "research-kb-symptoms", "interval": "30s", "rules": telling},
        {"name": "research-kb-outages", "interval": "30s", "rules": [symptom.rule() for symptom in OUTAGES]},
    ]


HEAD = "# Written by `python -m deploy.monitoring`; tests/monitoring holds it to its sources.\n"


def text() -> str:
    """Return the rules file."""
    return HEAD + yaml.safe_dump({"groups": groups()}, sort_keys=False, width=160)


def manifest() -> str:
    """Return the same rules, and those of the operators' parts, as an object of the Prometheus operator."""
    cluster = {"name": "research-kb-cluster", "interval": "30s", "rules": [each.rule() for each in CLUSTER_SYMPTOMS]}
    labels = {"app.kubernetes.io/name": "rules", "app.kubernetes.io/part-of": "research-kb",
              "app.kubernetes.io/component": "monitoring"}  # fmt: skip
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "research-kb", "namespace": "research-kb", "labels": labels},
        "spec": {"groups": [*groups(), cluster]},
    }
    return HEAD + yaml.safe_dump(rule, sort_keys=False, width=160)
