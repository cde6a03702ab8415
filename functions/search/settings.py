"""Settings of the search function: how long each stage may take before the answer goes out without it."""

from pydantic import Field

from shared.settings import Settings


class SearchSettings(Settings):
    """Time budgets in seconds."""

    # A leg usually takes 5 ms; one that needs 2 s would cost the caller more than its candidates are worth.
    search_leg_timeout_s: float = Field(default=2.0, gt=0)
    # Late interaction over 20 passages takes some 300 ms on one core; a cross-encoder on a GPU 20 ms.
    search_rerank_timeout_s: float = Field(default=1.5, gt=0)
    # Reranking deeper moves little into the first ten (docs/benchmarks.md).
    search_rerank_top: int = Field(default=20, ge=1, le=200)
