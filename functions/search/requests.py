"""What a search asks for."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

ContextType = Literal["building", "auditing", "balanced"]
LegName = Literal["lexical", "dense"]
SourceType = Literal["paper", "textbook", "code_repo", "note"]


def _without_nul(value: Any) -> Any:
    if "\x00" in str(value):
        raise ValueError("holds a NUL character; remove it")
    return value


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_without_nul)]
Query = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), AfterValidator(_without_nul)
]
# Strict: JSON's true is no year and "10" no limit, whatever Python could make of them.
Flag = Annotated[bool, Field(strict=True)]
Year = Annotated[int, Field(strict=True, ge=0, le=3000)]
Scalar = Text | bool | int | float | None


class SearchFilters(BaseModel):
    """What the passages' sources must be; all that is given must hold, of a list one value suffices."""

    model_config = ConfigDict(extra="forbid")

    source_type: list[SourceType] | SourceType | None = Field(default=None, description="One type or several.")
    year_from: Year | None = Field(default=None, description="First year, inclusive.")
    year_to: Year | None = Field(default=None, description="Last year, inclusive.")
    authors: list[Name] | None = Field(
        default=None, max_length=100, description="Full names as stored, or last names, in any case."
    )
    collections: list[Name] | None = Field(default=None, max_length=1000)
    source_ids: list[UUID] | None = Field(default=None, max_length=1000)
    metadata: dict[Name, Scalar] | None = Field(default=None, max_length=20, description="Values that must be equal.")

    def values(self) -> tuple[Any, ...] | None:
        """Return the arguments of the SQL function matching_sources after the collections; None without filters."""
        types = [self.source_type] if isinstance(self.source_type, str) else self.source_type
        given = (self.source_ids, types, self.year_from, self.year_to, self.authors, self.metadata)
        return None if all(value is None for value in given) else given


class SearchRequest(BaseModel):
    """A question to the library."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "instrumental variables", "limit": 10, "context_type": "balanced", "rerank": True},
                {
                    "query": "When does difference-in-differences fail?",
                    "limit": 5,
                    "context_type": "auditing",
                    "collection": "econometrics",
                    "filters": {"source_type": ["paper"], "year_from": 2000, "authors": ["Callaway"]},
                },
            ]
        },
    )

    query: Query = Field(description="Words or a question; what the model cannot take is cut for the dense leg alone.")
    limit: int = Field(default=10, strict=True, ge=1, le=200, description="Most hits; a source may give several.")
    context_type: ContextType = Field(
        default="balanced", description="auditing leans to the words of the query, building to its meaning."
    )
    legs: list[LegName] = Field(default=["lexical", "dense"], min_length=1, description="Where candidates come from.")
    rerank: Flag = Field(default=False, description="Let a model look at the best candidates again.")
    use_graph: Flag = Field(default=False, description="Take concepts into account.")
    use_citations: Flag = Field(default=False, description="Take citations into account.")
    filters: SearchFilters = SearchFilters()
    collection: Name | None = Field(default=None, description="Search this collection alone.")
    explain: Flag = Field(default=False, description="Add weights, normalised scores and each term's contribution.")

    def collections(self) -> list[str] | None:
        """Return the names asked for, of `collection` and of the filters; None when neither is given."""
        if self.collection is None:
            return self.filters.collections
        named = self.filters.collections
        return [self.collection] if named is None or self.collection in named else []
