"""Prometheus' text format, read back by its own client."""

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from functions.metrics import catalogue
from functions.metrics.exposition import render_state, render_sums
from shared.exposition import Counter, Histogram
from shared.metrics_endpoint import expose
from shared.process_metrics import mark_started
from shared.resources import Resources
from shared.settings import Settings


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_counter_reads_back() -> None:
    """Labels with quotes, backslashes and line ends survive."""
    family = Counter("a_total", "A.", ("label",))
    family.add('"\\\n', by=2)
    family.add("x")
    assert read("\n".join([*family.lines(), ""])) == {
        ("a_total", frozenset({("label", '"\\\n')})): 2,
        ("a_total", frozenset({("label", "x")})): 1,
    }


def test_a_histogram_is_cumulative() -> None:
    """Each bucket counts all that is below its bound; the last is the count."""
    family = Histogram("h", "H.", (0.1, 1.0))
    for value in (0.1, 0.5, 7.0):
        family.observe(value)
    found = read("\n".join([*family.lines(), ""]))
    assert [found["h_bucket", frozenset({("le", le)})] for le in ("0.1", "1", "+Inf")] == [1, 2, 3]
    assert found["h_count", frozenset()] == 3
    assert abs(found["h_sum", frozenset()] - 7.6) < 1e-9


def test_nothing_was_added_yet() -> None:
    """Series whose labels are known beforehand begin at 0: a rate sees the first event."""
    found = read("\n".join([*render_sums([]), ""]))
    for outcome in ("found", "empty", "degraded"):
        assert found["research_kb_searches_total", frozenset({("outcome", outcome)})] == 0
    assert found["research_kb_search_seconds_count", frozenset()] == 0


def test_rows_become_series() -> None:
    """Labels come in the family's order, whatever order Postgres keeps them in."""
    bounds = list(catalogue.REQUEST_S)
    rows: list[dict[str, Any]] = [
        {
            "name": "research_kb_requests_total",
            "labels": {"status": "200", "method": "GET", "function": "stats"},
            "value": 4.0, "bounds": None, "counts": None, "total": None,
        },
        {
            "name": "research_kb_request_seconds", "labels": {"function": "stats"},
            "value": None, "bounds": bounds, "counts": [1] * (len(bounds) + 1), "total": 9.5,
        },
    ]  # fmt: skip
    text = "\n".join([*render_sums(rows), ""])
    assert 'research_kb_requests_total{function="stats",method="GET",status="200"} 4' in text
    found = read(text)
    assert found["research_kb_request_seconds_count", frozenset({("function", "stats")})] == len(bounds) + 1
    assert found["research_kb_request_seconds_sum", frozenset({("function", "stats")})] == 9.5


def test_state_reads_back() -> None:
    """Gauges with and without a label."""
    rows = [
        {"name": "research_kb_documents", "label": "indexed", "value": 7.0},
        {"name": "research_kb_sources", "label": None, "value": 5.0},
    ]
    found = read("\n".join([*render_state(rows), ""]))
    assert found["research_kb_documents", frozenset({("state", "indexed")})] == 7
    assert found["research_kb_sources", frozenset()] == 5


def test_a_process_tells_of_itself() -> None:
    """Its own requests, its pool, its start, and the interpreter's collectors, before it has opened anything."""
    mark_started("test")
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none")
    found = read(expose("test", Resources(settings)))
    assert found["research_kb_pool_connections", frozenset({("function", "test"), ("state", "idle")})] == 0
    assert 0 < found["research_kb_process_start_seconds", frozenset({("function", "test")})] < 1e6
    assert ("process_resident_memory_bytes", frozenset()) in found
