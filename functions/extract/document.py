"""What a parser hands on: the canonical text of a document and the blocks it consists of."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["paragraph", "heading", "list", "code", "table", "equation", "caption", "reference"]


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, listing, ... of a document.

    start, end: half-open character range in `Extracted.text`.
    page_start, page_end: from 1, None where the format has no pages.
    section: headings above the block, outermost first, without the document's title.
    breaks: (character offset in the text, page that begins there) for a block that runs over a page's end.
    """

    start: int
    end: int
    page_start: int | None
    page_end: int | None
    section: tuple[str, ...]
    kind: Kind
    breaks: tuple[tuple[int, int], ...] = ()

    def page_at(self, offset: int) -> int | None:
        """Page (from 1) on which the character at `offset` of the text stands."""
        page = self.page_start
        for begins, number in self.breaks:
            if offset < begins:
                break
            page = number
        return page


@dataclass(frozen=True, slots=True)
class Extracted:
    """A parsed document; blocks are in reading order, disjoint, and cover all of `text` but the blank lines between."""

    text: str
    blocks: tuple[Block, ...]
    title: str | None = None
    authors: tuple[str, ...] = ()
    year: int | None = None
    doi: str | None = None
    abstract: str | None = None
    pages: int | None = None
    media_type: str = "text/plain"
    notes: tuple[str, ...] = field(default=())
    """Things a reader should know, such as pages without a text layer."""

    def body(self) -> Iterator[Block]:
        """Yield every block that is not a heading."""
        return (block for block in self.blocks if block.kind != "heading")

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Extracted":
        """Rebuild what `to_json` gave."""
        blocks = tuple(
            Block(
                **{
                    **block,
                    "section": tuple(block["section"]),
                    "breaks": tuple((offset, page) for offset, page in block["breaks"]),
                }
            )
            for block in data["blocks"]
        )
        tuples = {name: tuple(data[name]) for name in ("authors", "notes")}
        return cls(**{**data, **tuples, "blocks": blocks})
