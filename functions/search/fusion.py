"""Fusing the legs by score: a convex combination (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions").

Each leg's scores are turned into z-scores over the union of the candidates. On SciFact's training queries that
measures .738 nDCG@10 where maximum and min-max normalisation give .736. Letting a source's best passage stand for the
source is worth .003 of it, since half of these abstracts are two passages.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import sqrt

WEIGHTS = {"balanced": 0.5, "auditing": 0.65, "building": 0.35}
"""Lexical weight by context_type. .5 measures best on SciFact's training queries; the others lean to one side as far
as costs at most a point of nDCG@10 there (docs/benchmarks.md)."""

NORM_CANDIDATES = 100
"""Candidates a leg that the z-scores are taken over: what a search for ten has at least."""


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


def standardize(scores: Sequence[float], norm: Sequence[int] | None = None) -> list[float]:
    """Return the scores' distances from their mean in standard deviations; zeros where all are equal.

    norm: the positions that mean and deviation are taken over; all where it is None.
    """
    taken = scores if norm is None else [scores[row] for row in norm]
    count = len(taken)
    if count == 0:
        return [0.0] * len(scores)
    mean = sum(taken) / count
    variance = sum([score * score for score in taken]) / count - mean * mean
    if variance <= 1e-12 * mean * mean:  # rounding leaves this much of equal scores
        return [0.0] * len(scores)
    scale = 1 / sqrt(variance)
    return [(score - mean) * scale for score in scores]


def fuse(
    legs: Mapping[str, Mapping[int, float]],
    weights: Mapping[str, float],
    completions: Mapping[str, Mapping[int, float]] | None = None,
    sources: Mapping[int, Hashable] | None = None,
    count: int | None = None,
) -> list[Fused]:
    """Return the `count` best of the union of the legs' candidates, best first; all where it is None.

    legs: raw scores by passage id, by leg. completions: by leg, the scores of passages that only another leg chose.
    sources: of each passage; a source's best passage stands for it, with the best of each leg among its passages: where
    one has the words and the next the meaning, the source has both. Its other passages keep their own scores.
    A passage whose score a leg does not know counts as having that leg's worst cosine, or no term of the query at all.
    """
    union = list(dict.fromkeys(key for scores in legs.values() for key in scores))
    norm = _norm_rows(legs, union)
    columns: dict[str, list[float]] = {}
    for leg, scores in legs.items():
        known = {**(completions or {}).get(leg, {}), **scores}
        missing = 0.0 if leg == "lexical" else min(known.values(), default=0.0)
        columns[leg] = standardize([known.get(key, missing) for key in union], norm)
    combined = _weigh(columns, weights, len(union))
    if sources and len(columns) > 1:
        _let_stand_for_sources([sources.get(key) for key in union], columns, combined)
        combined = _weigh(columns, weights, len(union))
    order = sorted(range(len(union)), key=lambda row: (-combined[row], union[row]))
    return [
        Fused(union[row], combined[row], {leg: column[row] for leg, column in columns.items()}) for row in order[:count]
    ]


def _norm_rows(legs: Mapping[str, Mapping[int, float]], union: Sequence[int]) -> list[int] | None:
    """Return the rows of each leg's first NORM_CANDIDATES, so that a larger `limit` changes no score."""
    if all(len(scores) <= NORM_CANDIDATES for scores in legs.values()):
        return None
    first = {key for scores in legs.values() for key in islice(scores, NORM_CANDIDATES)}
    return [row for row, key in enumerate(union) if key in first]


def _weigh(columns: Mapping[str, list[float]], weights: Mapping[str, float], count: int) -> list[float]:
    combined = [0.0] * count
    for leg, column in columns.items():
        weight = weights[leg]
        combined = [total + weight * score for total, score in zip(combined, column, strict=True)]
    return combined


def _let_stand_for_sources(
    sources: Sequence[Hashable | None], columns: Mapping[str, list[float]], combined: Sequence[float]
) -> None:
    """Give each source's best row the best score of each leg among the source's rows."""
    rows_of: dict[Hashable, list[int]] = {}
    for row, source in enumerate(sources):
        if source is not None:
            rows_of.setdefault(source, []).append(row)
    for rows in rows_of.values():
        if len(rows) > 1:
            best = max(rows, key=combined.__getitem__)
            for column in columns.values():
                column[best] = max([column[row] for row in rows])
