"""Fusing the legs' scores."""

import pytest

from functions.search.fusion import WEIGHTS, fuse, leg_weights, standardize
from functions.search.reranking import blend


def test_standardized_scores_have_mean_zero_and_deviation_one() -> None:
    """z-scores keep order and distances and forget scale."""
    scores = standardize([1.0, 2.0, 3.0, 6.0])
    assert sum(scores) == pytest.approx(0)
    assert sum(score**2 for score in scores) / 4 == pytest.approx(1)
    assert scores == sorted(scores)


@pytest.mark.parametrize("scores", [[], [5.0], [2.0, 2.0, 2.0]])
def test_equal_scores_say_nothing(scores: list[float]) -> None:
    """Candidates that a leg cannot tell apart get zero from it, and nothing divides by zero."""
    assert standardize(scores) == [0.0] * len(scores)


def test_passage_found_by_both_legs_wins() -> None:
    """Being good by words and by meaning beats being best by one."""
    fused = fuse(
        {"lexical": {1: 9.0, 2: 8.0, 3: 1.0}, "dense": {4: 0.9, 2: 0.8, 3: 0.1}},
        leg_weights("balanced", ["lexical", "dense"]),
    )
    assert fused[0].passage_id == 2
    assert {item.passage_id for item in fused} == {1, 2, 3, 4}


def test_completion_is_not_a_candidate() -> None:
    """A known cosine of a lexical candidate moves it; a completion alone brings no passage in."""
    legs = {"lexical": {1: 5.0, 2: 5.0}, "dense": {3: 0.9, 4: 0.2}}
    fused = fuse(legs, {"lexical": 0.5, "dense": 0.5}, {"dense": {1: 0.1, 2: 0.8, 99: 1.0}})
    order = [item.passage_id for item in fused]
    assert order.index(2) < order.index(1)
    assert 99 not in order


def test_unknown_cosine_counts_as_the_worst() -> None:
    """A passage without a vector is no better by meaning than the worst candidate."""
    fused = fuse({"lexical": {1: 5.0}, "dense": {2: 0.9, 3: 0.4}}, {"lexical": 0.5, "dense": 0.5})
    parts = {item.passage_id: item.normalized["dense"] for item in fused}
    assert parts[1] == parts[3] < parts[2]


def test_context_types_lean_as_they_say() -> None:
    """auditing weighs words more than balanced, building less; weights add up to one; a leg alone counts whole."""
    assert WEIGHTS["building"] < WEIGHTS["balanced"] < WEIGHTS["auditing"]
    for context_type in WEIGHTS:
        assert sum(leg_weights(context_type, ["lexical", "dense"]).values()) == pytest.approx(1)
    assert leg_weights("auditing", ["dense"]) == {"dense": 1.0}


def test_order_is_stable() -> None:
    """Equal scores are ordered by passage id, so that the same search gives the same answer."""
    assert [item.passage_id for item in fuse({"dense": {7: 0.5, 3: 0.5, 5: 0.5}}, {"dense": 1.0})] == [3, 5, 7]


def test_reranked_candidates_stay_in_their_range() -> None:
    """Blending reorders within the range of the reranked, so that none falls below those that were not."""
    combined = [3.0, 2.0, 1.0]
    blended = blend(combined, [-10.0, 0.0, 10.0], "cross-encoder")
    assert all(1.0 <= score <= 3.0 for score in blended)
    assert blend(combined, [4.0, 4.0, 4.0], "cross-encoder") == combined
    assert (
        blend(combined, [1.0, 2.0, 3.0], "late-interaction")[0] > blend(combined, [1.0, 2.0, 3.0], "cross-encoder")[0]
    )


def test_best_passage_stands_for_its_source() -> None:
    """A source with the words in one passage and the meaning in another beats one that has a little of each."""
    legs = {"lexical": {1: 9.0, 2: 0.5, 3: 5.0, 4: 0.0}, "dense": {1: 0.2, 2: 0.9, 3: 0.55, 4: 0.2}}
    weights = {"lexical": 0.5, "dense": 0.5}
    alone = fuse(legs, weights)
    assert alone[0].passage_id == 3
    together = fuse(legs, weights, None, {1: "a", 2: "a", 3: "b", 4: "b"})
    assert together[0].passage_id in {1, 2}
    assert [item.passage_id for item in together].count(together[0].passage_id) == 1
    assert {item.passage_id for item in together} == {1, 2, 3, 4}


def test_more_candidates_change_no_score() -> None:
    """Asking deeper than a hundred adds candidates and leaves the scores of the first as they are."""
    shallow = {leg: {key: 1 / (key + shift) for key in range(1, 101)} for leg, shift in (("lexical", 1), ("dense", 9))}
    deep = {leg: {**scores, **dict.fromkeys(range(101, 201), 0.001)} for leg, scores in shallow.items()}
    weights = {"lexical": 0.5, "dense": 0.5}
    few, many = fuse(shallow, weights), fuse(deep, weights)
    assert {item.passage_id: item.combined for item in many}.items() >= {i.passage_id: i.combined for i in few}.items()
