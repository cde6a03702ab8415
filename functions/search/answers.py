"""What a search answers, for the OpenAPI document; the hot path builds the same shape from plain values."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class Span(BaseModel):
    """A range of characters in the hit's text, end exclusive."""

    start: int
    end: int


class HitSource(BaseModel):
    """The work that a passage is from."""

    id: UUID
    external_id: str | None
    title: str
    authors: list[str]
    year: int | None
    venue: str | None
    doi: str | None
    arxiv_id: str | None
    url: str | None
    source_type: str
    collection: str
    metadata: dict[str, Any]


class Scores(BaseModel):
    """Higher is better; null where the leg does not know the passage or did not run."""

    lexical: float | None = Field(description="BM25.")
    dense: float | None = Field(description="Cosine similarity.")
    rerank: float | None = Field(description="The reranker's own scale.")
    combined: float = Field(description="What the hits are ordered by; 0 is the mean candidate of this search.")


class Ranks(BaseModel):
    """The passage's place in each leg's own order, from 1."""

    lexical: int | None
    dense: int | None
    rerank: int | None


class TermContribution(BaseModel):
    """What one term of the query adds to a passage's BM25 score."""

    term: str
    score: float


class Explanation(BaseModel):
    """How `combined` came about: the sum of weight times normalised score (z-scores), blended with the reranker's.

    A source's best passage stands for the source: its normalised scores are the best of each leg among the source's.
    """

    weights: dict[str, float]
    normalized: dict[str, float]
    terms: list[TermContribution]


class Hit(BaseModel):
    """One passage."""

    id: int
    text: str
    page_start: int | None = Field(description="From 1; null where the format has no pages.")
    page_end: int | None
    section: list[str] = Field(description="Section path, outermost first.")
    highlights: list[Span]
    source: HitSource
    scores: Scores
    ranks: Ranks
    explanation: Explanation | None = Field(default=None, description="Only with explain.")


class Degradation(BaseModel):
    """A part that this answer had to do without, wholly or partly."""

    what: Literal["lexical", "dense", "rerank", "graph", "citations", "index"]
    why: str


class Reranker(BaseModel):
    """What reranked."""

    model: str
    method: str = Field(description="cross-encoder or late-interaction.")


class Timings(BaseModel):
    """Milliseconds by stage; the legs run at once, null: the stage did not run."""

    embed: float | None
    lexical: float | None
    dense: float | None
    fuse: float | None
    rerank: float | None
    load: float | None
    total: float


class SearchAnswer(BaseModel):
    """The best passages, best first, and what the answer stands on."""

    hits: list[Hit]
    degraded: list[Degradation]
    reranker: Reranker | None
    index_version: str = Field(description="Opaque; changes when a search could see another index.")
    took_ms: Timings
