"""The metrics that exist, with their labels, and the ones that a PromQL expression names."""

import re

from prometheus_client import REGISTRY

import events.bridge.metrics  # noqa: F401 -- registers what the bridge exports
from functions.metrics.catalogue import FAMILIES
from shared.exposition import Counter, Histogram
from shared.process_metrics import INFERENCE_SECONDS, INFERENCES, REQUEST_SECONDS, REQUESTS

OPERATORS = {
    "kafka_consumergroup_lag": frozenset({"consumergroup", "topic", "partition"}),
    "cnpg_pg_stat_archiver_last_failed_time": frozenset({"pod"}),
    "cnpg_pg_stat_archiver_last_archived_time": frozenset({"pod"}),
    "cnpg_collector_pg_wal_archive_status": frozenset({"pod", "value"}),
}
"""What is read of Strimzi's exporter and of CloudNativePG, by the names of their documentation; pod: as scraped."""
_SELECTOR = re.compile(r"\b((?:research_kb|nv|kafka|cnpg)_[a-z0-9_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')
_GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
_SUFFIX = re.compile(r"_(bucket|count|sum)$")


def exported() -> dict[str, frozenset[str]]:
    """Return each metric of the functions and the bridge, histograms by their base name, with its labels."""
    of_processes: list[Counter | Histogram] = [REQUESTS, REQUEST_SECONDS, INFERENCES, INFERENCE_SECONDS]
    found = {family.name: frozenset(family.labels) for family in FAMILIES}
    found |= {each.name: frozenset(each.labels) for each in of_processes}
    found["research_kb_pool_connections"] = frozenset({"function", "state"})
    found["research_kb_process_start_seconds"] = frozenset({"function"})
    for collector in list(REGISTRY._collector_to_names):
        name = getattr(collector, "_name", "")
        if name.startswith("research_kb_bridge"):
            full = f"{name}_total" if getattr(collector, "_type", "") == "counter" else name
            found[full] = frozenset(getattr(collector, "_labelnames", ()))
    return found


def used(expression: str) -> dict[str, set[str]]:
    """Return each metric that the expression names, by its base name, with the labels of its matchers."""
    found: dict[str, set[str]] = {}
    for name, matchers in _SELECTOR.findall(expression):
        ours = name.startswith("research_kb_")
        base = _SUFFIX.sub("", name) if ours else name  # nv_inference_count is no histogram's
        found.setdefault(base, set()).update(set(_MATCHER.findall(matchers)) - {"le"})
    return found


def grouped_by(expression: str) -> set[str]:
    """Return the labels that the expression groups by, `le` apart."""
    labels = {label.strip() for group in _GROUPING.findall(expression) for label in group.split(",")}
    return labels - {"le", ""}
