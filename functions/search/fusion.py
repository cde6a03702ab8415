"""Fusing the legs by score: a convex combination (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions")."""

from collections.abc import Mapping
from dataclasses import dataclass

WEIGHTS = {"balanced": 0.5, "auditing": 0.7, "building": 0.3}
"""Lexical weight by context_type. .5 measures best on SciFact's training queries; the others are as far to each side
as costs about two points of nDCG@10 there (docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate: its normalised scores by leg (0 to 1) and their weighted sum."""

    passage_id: int
    combined: float
    normalized: dict[str, float]


def leg_weights(context_type: str, legs: list[str]) -> dict[str, float]:
    """Return the weight of each leg that answered; a leg alone has 1."""
    if len(legs) < 2:
        return dict.fromkeys(legs, 1.0)
    lexical = WEIGHTS[context_type]
    return {"lexical": lexical, "dense": 1 - lexical}


def normalize_lexical(scores: Mapping[int, float]) -> dict[int, float]:
    """Divide by the maximum: BM25 has a true zero, which a passage without any term of the query gets."""
    top = max(scores.values(), default=0.0)
    return {key: score / top for key, score in scores.items()} if top > 0 else dict.fromkeys(scores, 0.0)


def normalize_dense(scores: Mapping[int, float]) -> dict[int, float]:
    """Stretch to 0..1 between minimum and maximum: cosines crowd together, and their zero means nothing here."""
    if not scores:
        return {}
    low, top = min(scores.values()), max(scores.values())
    span = top - low
    return {key: (score - low) / span for key, score in scores.items()} if span > 0 else dict.fromkeys(scores, 1.0)


_NORMALIZE = {"lexical": normalize_lexical, "dense": normalize_dense}


def fuse(
    legs: Mapping[str, Mapping[int, float]],
    weights: Mapping[str, float],
    completions: Mapping[str, Mapping[int, float]] | None = None,
) -> list[Fused]:
    """Return the union of the legs' candidates, best first.

    legs: raw scores by passage id, by leg. completions: by leg, the scores of passages that only another leg chose.
    A passage whose score a leg does not know counts as that leg's worst.
    """
    union = list(dict.fromkeys(key for scores in legs.values() for key in scores))
    known = {leg: {**(completions or {}).get(leg, {}), **scores} for leg, scores in legs.items()}
    normalized = {leg: _NORMALIZE[leg](scores) for leg, scores in known.items()}
    fused = []
    for key in union:
        parts = {leg: scores.get(key, 0.0) for leg, scores in normalized.items()}
        fused.append(Fused(key, sum(weights[leg] * part for leg, part in parts.items()), parts))
    fused.sort(key=lambda item: (-item.combined, item.passage_id))
    return fused
