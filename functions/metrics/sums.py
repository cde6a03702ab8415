"""What one event adds to counters and histograms: plain values, computed before any lock is taken."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from functions.metrics import catalogue
from functions.metrics.catalogue import Family

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Observed:
    """A histogram's additions: by bucket, the last one without bound, and their sum."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Sums:
    """Additions by (family, labels)."""

    counters: dict[tuple[str, Labels], float] = field(default_factory=lambda: defaultdict(float))
    histograms: dict[tuple[Family, Labels], Observed] = field(default_factory=dict)

    def count(self, family: Family, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        self.counters[family.name, _named(family, labels)] += by

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """Add one observation to a histogram."""
        key = family, _named(family, labels)
        if key not in self.histograms:
            self.histograms[key] = Observed([0] * (len(family.bounds) + 1))
        observed = self.histograms[key]
        observed.counts[bisect_left(family.bounds, value)] += 1
        observed.total += value


def sum_up(data: dict[str, Any]) -> Sums:
    """Return what the data of a search.performed event add."""
    sums = Sums()
    for request in data.get("requests", ()):
        _add_request(sums, request)
    for refusal in data.get("refusals", ()):
        sums.count(catalogue.REFUSALS, refusal["reason"], refusal["tier"], by=refusal["count"])
    for start in data.get("starts", ()):
        sums.count(catalogue.COLD_STARTS, start["function"])
    for given in data.get("feedback", ()):
        sums.count(catalogue.FEEDBACK, given["verdict"])
    _add_documents(sums, data.get("documents", ()))
    return sums


def _add_request(sums: Sums, request: dict[str, Any]) -> None:
    function = request["function"]
    sums.count(catalogue.REQUESTS, function, request["method"], str(request["status"]))
    sums.observe(catalogue.REQUEST_SECONDS, request["seconds"], function)
    if request.get("cold"):
        sums.count(catalogue.COLD_STARTS, function)
    if "search" in request:
        sums.observe(catalogue.SEARCH_SECONDS, request["seconds"])  # as the caller waits: admission and body are in it
        _add_search(sums, request["search"])


def _add_search(sums: Sums, search: dict[str, Any]) -> None:
    sums.count(catalogue.SEARCHES, search["outcome"])
    sums.observe(catalogue.SEARCH_HITS, search["hits"])
    for family, name in ((catalogue.TOP_SCORE, "top_score"), (catalogue.SCORE_GAP, "score_gap")):
        if name in search:
            sums.observe(family, search[name])
    for stage, seconds in search.get("stages", {}).items():
        sums.observe(catalogue.STAGE_SECONDS, seconds, stage)
    for part in search.get("degraded", ()):
        sums.count(catalogue.DEGRADED, part)


def _add_documents(sums: Sums, documents: Iterable[dict[str, Any]]) -> None:
    for document in documents:
        sums.count(catalogue.DOCUMENTS_SETTLED, document["outcome"])
        if document["outcome"] == "indexed":
            sums.observe(catalogue.FRESHNESS, document["seconds"])


def _named(family: Family, labels: tuple[str, ...]) -> Labels:
    return tuple(zip(family.labels, labels, strict=True))
