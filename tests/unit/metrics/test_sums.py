"""What an event adds to counters and histograms."""

import json
from pathlib import Path

from functions.metrics import catalogue
from functions.metrics.sums import Sums, sum_up

EXAMPLE = json.loads((Path(__file__).parents[3] / "events" / "examples" / "search.performed.json").read_text())


def counter(sums: Sums, name: str, **labels: str) -> float:
    """Return what is added to one series."""
    return sums.counters.get((name, tuple(labels.items())), 0)


def test_the_example_adds_up() -> None:
    """Each part of an event reaches its own metric."""
    sums = sum_up(EXAMPLE["data"])
    assert counter(sums, "research_kb_searches_total", outcome="found") == 1
    assert counter(sums, "research_kb_searches_total", outcome="empty") == 1
    assert counter(sums, "research_kb_search_degraded_total", part="dense") == 1
    assert counter(sums, "research_kb_requests_total", function="search", method="POST", status="200") == 2
    assert counter(sums, "research_kb_requests_total", function="sources", method="GET", status="404") == 1
    assert counter(sums, "research_kb_request_refusals_total", reason="rate", tier="free") == 3
    assert counter(sums, "research_kb_cold_starts_total", function="search") == 1
    assert counter(sums, "research_kb_cold_starts_total", function="embed") == 1
    assert counter(sums, "research_kb_documents_settled_total", outcome="indexed") == 1
    assert counter(sums, "research_kb_feedback_total", verdict="relevant") == 1


def test_an_observation_falls_into_the_first_bucket_that_holds_it() -> None:
    """Bounds are upper and inclusive; what exceeds them all is in the last one, and the sum is exact."""
    sums = Sums()
    for value in (0.005, 0.0051, 99.0):
        sums.observe(catalogue.SEARCH_SECONDS, value)
    observed = sums.histograms[catalogue.SEARCH_SECONDS, ()]
    assert observed.counts[0] == 1
    assert observed.counts[1] == 1
    assert observed.counts[-1] == 1
    assert observed.total == 0.005 + 0.0051 + 99.0


def test_a_search_takes_as_long_as_its_request() -> None:
    """Its time is the request's, admission and body included; one that failed has none, nor has feedback."""
    search = {"outcome": "found", "seconds": 0.15, "hits": 1}
    request = {"function": "search", "method": "POST", "status": 200, "seconds": 0.25}
    failed = {**request, "status": 503, "seconds": 9.0}
    observed = sum_up({"requests": [request | {"search": search}, failed, request]}).histograms
    assert observed[catalogue.SEARCH_SECONDS, ()].total == 0.25
    assert sum(observed[catalogue.SEARCH_SECONDS, ()].counts) == 1


def test_a_failed_document_says_nothing_of_freshness() -> None:
    """Only what became searchable was fresh or stale."""
    sums = sum_up({"documents": [{"outcome": "failed", "seconds": 1.0}, {"outcome": "superseded", "seconds": 1.0}]})
    assert not sums.histograms


def test_names_say_what_they_count() -> None:
    """Prefix, base units, and `_total` for counters alone; no name twice."""
    names = [family.name for family in catalogue.FAMILIES]
    assert len(names) == len(set(names))
    for family in catalogue.FAMILIES:
        assert family.name.startswith("research_kb_")
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert bool(family.bounds) == (family.kind == "histogram")
        assert list(family.bounds) == sorted(set(family.bounds))
