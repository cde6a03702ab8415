"""Looking at the best candidates again: the reranker's scores are blended in, never put in place of the legs'."""

from collections.abc import Sequence

BLEND = {"late-interaction": 0.2, "cross-encoder": 0.5}
"""The reranker's share by its method: late interaction over the same model's vectors is nearly neutral (Cranfield
.4759 to .4769 at .2); a cross-encoder knows more than either leg, yet errs on words that it has not seen."""

DEFAULT_BLEND = 0.2


def blend(combined: Sequence[float], reranked: Sequence[float], method: str) -> list[float]:
    """Return the new combined scores of the candidates that were reranked, in their order.

    The reranker's scores are stretched over the range that `combined` spans, so that none of these candidates leaves
    it: those below, which were not reranked, stay below.
    """
    share = BLEND.get(method, DEFAULT_BLEND)
    low, high = min(combined), max(combined)
    worst, best = min(reranked), max(reranked)
    span = best - worst
    if span <= 0:
        return list(combined)
    stretched = [low + (high - low) * (score - worst) / span for score in reranked]
    return [(1 - share) * old + share * new for old, new in zip(combined, stretched, strict=True)]
