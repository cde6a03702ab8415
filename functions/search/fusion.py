"""Fusing the legs by score: a convex combination (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions").

Each leg's scores are turned into z-scores over the union of the candidates. On SciFact's training queries that
measures .737 nDCG@10 where maximum and min-max normalisation give .735, whichever way documents are split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

WEIGHTS = {"balanced": 0.45, "auditing": 0.65, "building": 0.3}
"""Lexical weight by context_type. .4 to .5 measures best on SciFact's training queries, within a thousandth; the others
lean to one side as far as costs at most a point of nDCG@10 there (docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate: its scores by leg, in standard deviations from the mean candidate, and their weighted sum."""

    passage_id: int
    combined: float
    normalized: dict[str, float]


def leg_weights(context_type: str, legs: Sequence[str]) -> dict[str, float]:
    """Return the weight of each leg that answered; a leg alone has 1."""
    if len(legs) < 2:
        return dict.fromkeys(legs, 1.0)
    lexical = WEIGHTS[context_type]
    return {"lexical": lexical, "dense": 1 - lexical}


def standardize(scores: Sequence[float]) -> list[float]:
    """Return the scores' distances from their mean in standard deviations; zeros where all are equal."""
    count = len(scores)
    if count == 0:
        return []
    mean = sum(scores) / count
    deviation = sqrt(sum((score - mean) ** 2 for score in scores) / count)
    return [(score - mean) / deviation for score in scores] if deviation > 0 else [0.0] * count


def fuse(
    legs: Mapping[str, Mapping[int, float]],
    weights: Mapping[str, float],
    completions: Mapping[str, Mapping[int, float]] | None = None,
) -> list[Fused]:
    """Return the union of the legs' candidates, best first.

    legs: raw scores by passage id, by leg. completions: by leg, the scores of passages that only another leg chose.
    A passage whose score a leg does not know counts as having that leg's worst cosine, or no term of the query at all.
    """
    union = list(dict.fromkeys(key for scores in legs.values() for key in scores))
    columns: dict[str, list[float]] = {}
    for leg, scores in legs.items():
        known = {**(completions or {}).get(leg, {}), **scores}
        missing = 0.0 if leg == "lexical" else min(known.values(), default=0.0)
        columns[leg] = standardize([known.get(key, missing) for key in union])
    fused = []
    for row, key in enumerate(union):
        parts = {leg: column[row] for leg, column in columns.items()}
        fused.append(Fused(key, sum(weights[leg] * part for leg, part in parts.items()), parts))
    fused.sort(key=lambda item: (-item.combined, item.passage_id))
    return fused
