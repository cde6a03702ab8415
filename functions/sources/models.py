"""What the sources function takes and gives."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SourceType = Literal["paper", "textbook", "code_repo", "note"]
Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]  # Postgres has no text with NUL
Year = Annotated[int, Field(ge=0, le=9999)]


def plain_doi(value: str | None) -> str | None:
    """Return a DOI in lower case, without resolver or prefix (DOI Handbook, 2.4: case does not matter)."""
    return re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", value.strip(), flags=re.I).lower() if value else None


class SourceFilters(BaseModel):
    """Which sources a list holds; what is absent does not filter."""

    model_config = ConfigDict(extra="forbid")

    collection: Text | None = None
    source_type: list[SourceType] | None = Field(default=None, max_length=4, description="Any of them; repeatable.")
    year_from: Year | None = None
    year_to: Year | None = None
    author: Text | None = Field(default=None, description="Part of an author's name, in any case.")
    title: Text | None = Field(default=None, description="Part of the title, in any case.")
    doi: Annotated[Text | None, AfterValidator(plain_doi)] = Field(default=None, examples=["10.1214/09-SS057"])
    external_id: Text | None = None
    limit: int = Field(default=50, ge=1, le=200, description="Items a page.")
    cursor: str | None = Field(
        default=None, max_length=500, description="The next_cursor of the page before; absent: the first page."
    )


Filters = Annotated[SourceFilters, Query()]


class Source(BaseModel):
    """A paper, textbook, repository or note, with what is known of it."""

    id: UUID
    collection: str
    external_id: str | None
    title: str
    authors: list[str]
    year: int | None
    venue: str | None
    doi: str | None
    arxiv_id: str | None
    url: str | None
    source_type: SourceType
    metadata: dict[str, Any]
    passages: int = Field(description="Of the searchable version.")
    pages: int | None = Field(description="Of the searchable version, where its format has pages.")
    document_id: UUID | None = Field(description="The searchable version; null until one is.")
    created_at: datetime
    updated_at: datetime


class SourceList(BaseModel):
    """A page of sources, newest first."""

    items: list[Source]
    next_cursor: str | None


class Passage(BaseModel):
    """A piece of a source that a search can find, and where it stands."""

    id: int
    document_id: UUID
    ordinal: int = Field(description="From 0, in reading order.")
    text: str
    section: list[str] = Field(description="Section path, outermost first.")
    page_start: int | None = Field(description="From 1; null where the format has no pages.")
    page_end: int | None
    char_start: int = Field(description="In the extracted text of the document.")
    char_end: int
    tokens: int = Field(description="Of heading and text, by the embedder's tokenizer.")


class PassageList(BaseModel):
    """A page of passages, in reading order."""

    items: list[Passage]
    next_cursor: str | None
