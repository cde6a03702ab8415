"""What the stats function gives."""

from pydantic import BaseModel, ConfigDict, Field


class DocumentCounts(BaseModel):
    """Submissions by state."""

    queued: int = 0
    extracting: int = 0
    embedding: int = 0
    indexed: int = 0
    failed: int = 0
    superseded: int = 0


class ModelVectors(BaseModel):
    """Vectors of one embedding model."""

    model: str
    dimension: int
    active: bool = Field(description="Whether searches use it.")
    vectors: int


class Stats(BaseModel):
    """Exact counts of what the library holds, as far as the key may see."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "collection": None,
                    "sources": 31,
                    "passages": 214,
                    "documents": {"indexed": 31, "failed": 1},
                    "terms": 3120,
                    "vectors": [{"model": "all-MiniLM-L6-v2", "dimension": 384, "active": True, "vectors": 214}],
                }
            ]
        }
    )

    collection: str | None = Field(description="The one counted; null: all that the key may see.")
    sources: int
    passages: int = Field(description="Those that a search can find.")
    documents: DocumentCounts
    terms: int = Field(description="Distinct lexemes.")
    vectors: list[ModelVectors]
