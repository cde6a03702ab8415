"""Documents given as JSON: a title with an abstract or a text, and the bibliography."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, field_validator

from shared.documents import Bibliography, Submission
from shared.problems import Problem

TextType = Literal["text/plain", "text/markdown", "text/html", "text/x-tex"]


def empty_document(detail: str) -> Problem:
    """Return the problem of a document without content."""
    return Problem(422, "empty-document", "The document is empty", detail, "Send the document's text.")


class InlineDocument(Bibliography):
    """One document as JSON; given abstract and text, the abstract comes first."""

    abstract: Annotated[str | None, Field(max_length=200_000)] = None
    text: Annotated[str | None, Field(max_length=20_000_000)] = None
    media_type: TextType = "text/plain"

    @field_validator("abstract", "text")
    @classmethod
    def _text_without_nul(cls, value: str | None) -> str | None:
        if value and "\x00" in value:
            raise ValueError("holds a NUL character; remove it")
        return value

    def submission(self, submitted_by: UUID | None, trace_id: str | None) -> Submission:
        """Return the document as bytes and bibliography; of a record without text the title is the text.

        Raises
        ------
        Problem
            422 `empty-document` when there is no title either.
        """
        said = Bibliography.model_validate(self.model_dump(exclude={"abstract", "text", "media_type"}))
        body = "\n\n".join(part for part in (self.abstract, self.text) if part) or said.title
        if not body:
            raise empty_document("It has neither text, nor abstract, nor title.")
        return Submission(body.encode(), self.media_type, said, None, submitted_by, trace_id)
