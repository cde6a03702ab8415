"""What is noted of an answer."""

from typing import Any

from events.cloudevents import CloudEvent
from events.topics import SEARCH_PERFORMED
from events.validate import validate
from functions.search.performed import performed


def make_answer(*combined: float, degraded: tuple[str, ...] = (), dense_ms: float | None = None) -> dict[str, Any]:
    """An answer with hits of these scores."""
    return {
        "hits": [{"text": "secret", "scores": {"combined": score}} for score in combined],
        "degraded": [{"what": what, "why": "late"} for what in degraded],
        "took_ms": {"embed": 5.0, "lexical": 2.0, "dense": dense_ms, "total": 12.5},
    }


def check(note: dict[str, Any]) -> dict[str, Any]:
    """Return the note, which its event's schema takes."""
    request = {"function": "search", "method": "POST", "status": 200, "seconds": 0.1, "search": note}
    validate(CloudEvent.new(type=SEARCH_PERFORMED, source="/t", data={"requests": [request]}, partitionkey="k"))
    return note


def test_scores_and_stages_are_noted_and_no_text() -> None:
    """Seconds of what ran, the first score and its distance to the second."""
    note = check(performed(make_answer(4.0, 3.25, 1.0)))
    assert note == {
        "outcome": "found", "seconds": 0.0125, "hits": 3, "stages": {"embed": 0.005, "lexical": 0.002},
        "top_score": 4.0, "score_gap": 0.75,
    }  # fmt: skip


def test_outcomes() -> None:
    """Degraded says that hits were found without a part; each part counts once."""
    assert check(performed(make_answer()))["outcome"] == "empty"
    assert "score_gap" not in check(performed(make_answer(1.0)))
    note = check(performed(make_answer(1.0, degraded=("dense", "dense", "graph"))))
    assert (note["outcome"], note["degraded"]) == ("degraded", ["dense", "graph"])


def test_an_answer_without_hits_is_empty_whatever_was_left_out() -> None:
    """The parts are noted all the same: both alerts see what concerns them."""
    note = check(performed(make_answer(degraded=("graph", "dense"))))
    assert (note["outcome"], note["degraded"]) == ("empty", ["dense", "graph"])


def test_a_remark_about_a_leg_that_answered_counts_as_no_missing_part() -> None:
    """A query longer than the model reads, too few candidates, no words: the caller is told, no alert is."""
    note = check(performed(make_answer(1.0, degraded=("dense", "lexical"), dense_ms=3.0)))
    assert (note["outcome"], note.get("degraded")) == ("found", None)
    note = check(performed(make_answer(1.0, degraded=("dense", "rerank"), dense_ms=3.0)))
    assert (note["outcome"], note["degraded"]) == ("degraded", ["rerank"])
