"""What is noted of an answered search, to be counted: no query, no key, no id."""

from typing import Any


def performed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the note of an answer, as `search` in the data of search.performed; seconds, where took_ms has ms."""
    hits, took_ms = answer["hits"], answer["took_ms"]
    absent = _absent(answer)
    note: dict[str, Any] = {
        "outcome": "empty" if not hits else "degraded" if absent else "found",
        "seconds": _seconds(took_ms["total"]),
        "hits": len(hits),
        "stages": {
            stage: _seconds(took) for stage, took in took_ms.items() if stage != "total" and took is not None
        },
    }
    if hits:
        note["top_score"] = round(hits[0]["scores"]["combined"], 4)
    if len(hits) > 1:
        gap = hits[0]["scores"]["combined"] - hits[1]["scores"]["combined"]
        note["score_gap"] = round(max(gap, 0.0), 4)  # below the reranked top, order and score may part by a rounding
    if absent:
        note["degraded"] = absent
    return note


def _absent(answer: dict[str, Any]) -> list[str]:
    """Return the parts that the answer did without, each once.

    `degraded` also says what is to be known of a leg that did answer, a query cut short say; such a leg took its time.
    """
    return sorted({part["what"] for part in answer["degraded"] if answer["took_ms"].get(part["what"]) is None})


def _seconds(milliseconds: float) -> float:
    return round(milliseconds / 1000, 6)
