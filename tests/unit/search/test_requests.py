"""What a search request may be."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.search.requests import SearchRequest


def test_defaults() -> None:
    """A query alone is enough: ten hits of both legs, balanced, nothing that is not measured to help."""
    request = SearchRequest(query="  instrumental variables ")
    assert (request.query, request.limit, request.context_type) == ("instrumental variables", 10, "balanced")
    assert request.legs == ["lexical", "dense"]
    assert not any([request.rerank, request.use_graph, request.use_citations, request.explain])
    assert request.filters.values() is None
    assert request.collections() is None


@pytest.mark.parametrize(
    "fields",
    [
        {"query": ""},
        {"query": "   "},
        {"query": "x" * 4001},
        {"query": "a\x00b"},
        {"query": "a", "limit": 0},
        {"query": "a", "limit": 201},
        {"query": "a", "limit": True},
        {"query": "a", "limit": "10"},
        {"query": "a", "rerank": 1},
        {"query": "a", "filters": {"year_to": False}},
        {"query": "a", "filters": {"year_from": -1}},
        {"query": "a", "context_type": "other"},
        {"query": "a", "legs": []},
        {"query": "a", "unknown": 1},
        {"query": "a", "filters": {"source_type": "video"}},
        {"query": "a", "filters": {"metadata": {"k": "a\x00"}}},
        {"query": "a", "filters": {"metadata": {"k\x00": "a"}}},
        {"query": "a", "filters": {"metadata": {"k": {"nested": 1}}}},
        {"query": "a", "filters": {"authors": ["\x00"]}},
        {"query": "a", "collection": "a\x00"},
        {"query": "\ud800"},
    ],
)
def test_what_cannot_be_searched_is_refused(fields: dict[str, Any]) -> None:
    """Out of range, empty, unknown, or nothing that Postgres can hold."""
    with pytest.raises(ValidationError):
        SearchRequest.model_validate(fields)


def test_longest_query_is_taken() -> None:
    """4000 characters are the limit, not 3999."""
    assert len(SearchRequest(query="x" * 4000).query) == 4000


def test_one_source_type_or_several() -> None:
    """A single type needs no list."""
    one = SearchRequest.model_validate({"query": "a", "filters": {"source_type": "paper"}})
    two = SearchRequest.model_validate({"query": "a", "filters": {"source_type": ["paper", "note"]}})
    assert one.filters.values() == (None, ["paper"], None, None, None, None)
    assert two.filters.values() == (None, ["paper", "note"], None, None, None, None)


def test_collection_and_filter_must_both_hold() -> None:
    """`collection` outside `filters.collections` leaves nothing to search."""
    both = {"query": "a", "collection": "x", "filters": {"collections": ["x", "y"]}}
    assert SearchRequest.model_validate(both).collections() == ["x"]
    assert SearchRequest.model_validate(both | {"collection": "z"}).collections() == []
