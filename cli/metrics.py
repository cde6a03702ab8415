"""Retrieval measures of one query, by trec_eval's definitions. A grade of 1 or more is relevant.

`ranking` is the ids of distinct documents, best first; `judged` maps ids to grades, unjudged ones count as 0.
"""

from collections.abc import Mapping, Sequence
from math import log2


def ndcg(ranking: Sequence[str], judged: Mapping[str, int], k: int) -> float:
    """Return nDCG@k: the grade itself is the gain, log2(rank + 1) the discount (trec_eval's ndcg_cut).

    The ideal ranking has all judged documents by falling grade (Jarvelin and Kekalainen 2002).
    """
    ideal = _discounted(sorted(judged.values(), reverse=True)[:k])
    return _discounted([judged.get(name, 0) for name in ranking[:k]]) / ideal if ideal else 0.0


def _discounted(gains: Sequence[int]) -> float:
    return sum(max(gain, 0) / log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def average_precision(ranking: Sequence[str], judged: Mapping[str, int]) -> float:
    """Return the mean of the precisions at the relevant documents; those not retrieved count as 0 (map)."""
    found, precisions = 0, 0.0
    for rank, name in enumerate(ranking, start=1):
        if judged.get(name, 0) > 0:
            found += 1
            precisions += found / rank
    relevant = count_relevant(judged)
    return precisions / relevant if relevant else 0.0


def recall(ranking: Sequence[str], judged: Mapping[str, int], k: int) -> float:
    """Return the share of the relevant documents among the first k (recall_k)."""
    relevant = count_relevant(judged)
    return sum(judged.get(name, 0) > 0 for name in ranking[:k]) / relevant if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], judged: Mapping[str, int]) -> float:
    """Return 1 / rank of the first relevant document, 0 without one (recip_rank)."""
    return next((1 / rank for rank, name in enumerate(ranking, start=1) if judged.get(name, 0) > 0), 0.0)


def count_relevant(judged: Mapping[str, int]) -> int:
    """Return how many documents are judged relevant."""
    return sum(grade > 0 for grade in judged.values())


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of `values` that `share` (0 to 1) of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1_000_000) * len(ordered) // 1_000_000) - 1)] if ordered else float("nan")
