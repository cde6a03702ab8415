"""Documents given as JSON: a title with an abstract or a text, and the bibliography."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from shared.documents import Bibliography, Submission

TextType = Literal["text/plain", "text/markdown", "text/html", "text/x-tex"]


class InlineDocument(Bibliography):
    """One document as JSON. `abstract` or `text` is required; given both, the abstract comes first."""

    abstract: Annotated[str | None, Field(max_length=200_000)] = None
    text: Annotated[str | None, Field(max_length=20_000_000)] = None
    media_type: TextType = "text/plain"

    @field_validator("abstract", "text")
    @classmethod
    def _text_without_nul(cls, value: str | None) -> str | None:
        if value and "\x00" in value:
            raise ValueError("holds a NUL character; remove it")
        return value

    @model_validator(mode="after")
    def _has_text(self) -> "InlineDocument":
        if not (self.abstract or self.text):
            raise ValueError("give abstract or text: a document without text cannot be found")
        return self

    def submission(self, submitted_by: UUID | None, trace_id: str | None) -> Submission:
        """Return the document as bytes and bibliography."""
        said = Bibliography.model_validate(self.model_dump(exclude={"abstract", "text", "media_type"}))
        body = "\n\n".join(part for part in (self.abstract, self.text) if part)
        return Submission(body.encode(), self.media_type, said, None, submitted_by, trace_id)
