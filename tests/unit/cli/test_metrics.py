"""The measures agree with trec_eval."""

import json
from math import log2
from pathlib import Path
from typing import Any

import pytest

from cli.metrics import average_precision, ndcg, percentile, recall, reciprocal_rank

# Random graded judgements and rankings, measured with trec_eval itself (pytrec_eval-terrier 0.5.11).
REFERENCE = json.loads((Path(__file__).parent / "trec_eval_reference.json").read_text())


@pytest.mark.parametrize("case", REFERENCE, ids=range(len(REFERENCE)))
def test_measures_equal_trec_eval(case: dict[str, Any]) -> None:
    """Each measure equals trec_eval's to six digits, graded judgements and short rankings included."""
    ranking, judged = case["ranking"], case["judged"]
    assert ndcg(ranking, judged, 10) == pytest.approx(case["ndcg_cut_10"], abs=1e-6)
    assert average_precision(ranking, judged) == pytest.approx(case["map"], abs=1e-6)
    assert recall(ranking, judged, 5) == pytest.approx(case["recall_5"], abs=1e-6)
    assert reciprocal_rank(ranking, judged) == pytest.approx(case["recip_rank"], abs=1e-6)


def test_ndcg_gains_are_the_grades() -> None:
    """A grade of 4 gains 4, not 2^4 - 1."""
    assert ndcg(["b", "a"], {"a": 4, "b": 1}, 10) == pytest.approx((1 + 4 / log2(3)) / (4 + 1 / log2(3)))


def test_nothing_found_measures_zero() -> None:
    """An empty ranking, and judgements without a relevant document, give 0 and no error."""
    for judged in ({"a": 1}, {"a": 0}, {}):
        assert ndcg([], judged, 10) == average_precision([], judged) == recall([], judged, 100) == 0
        assert reciprocal_rank(["x"], judged) == 0


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_percentile_is_an_observed_value(share: float, expected: int) -> None:
    """The percentile of 1 to 100 is the value of that rank."""
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_percentile_of_one_value_is_that_value() -> None:
    """One observation is every percentile."""
    assert percentile([7.0], 0.95) == 7.0
