"""Marking the query's words in a passage."""

import time
from itertools import pairwise

import pytest

from functions.search.highlights import MOST_SPANS, Highlighter


def marked(query: str, text: str) -> list[str]:
    """Return the stretches of `text` that are highlighted for `query`."""
    return [text[span["start"] : span["end"]] for span in Highlighter(query).spans(text)]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("instrumental variables", "An Instrumental variable", ["Instrumental", "variable"]),
        ("happy", "happiness makes happier, not hapless", ["happiness"]),
        ("what is the effect of it", "It is what it is: the effects.", ["effects"]),
        ("naïve Bayes", "A naïve BAYES classifier", ["naïve", "BAYES"]),
        ("2SLS", "by 2SLS, not 2sls2", ["2SLS"]),
        ("the of and", "the of and", []),
        ("istanbul effects", "İİ İstanbul, no side-effects; affects", ["effects"]),
        ("(.*) [a", "a (.*) regex", []),
    ],
)
def test_words_of_the_same_stem_are_marked(query: str, text: str, expected: list[str]) -> None:
    """Inflected forms match, stop words and mere beginnings do not, signs are no pattern."""
    assert marked(query, text) == expected


def test_spans_are_in_order_and_bounded() -> None:
    """Ranges lie in the text, follow one another, and there is a most of them."""
    text = "weak instruments " * 500
    spans = Highlighter("weak instruments").spans(text)
    assert len(spans) == MOST_SPANS
    assert all(a["end"] <= b["start"] for a, b in pairwise(spans))


def test_long_query_is_cheap() -> None:
    """A query of 4000 characters marks ten passages in far less than a search takes."""
    query = " ".join(f"word{n}" for n in range(600))[:4000]
    started = time.perf_counter()
    highlighter = Highlighter(query)
    for _ in range(10):
        highlighter.spans("some words word1 word2 and others in a passage of text " * 20)
    assert time.perf_counter() - started < 0.5
