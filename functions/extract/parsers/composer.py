"""Putting a document together: blocks are added in reading order, the text and the section paths grow with them."""

import re
from typing import Final

from functions.extract.document import Block, Extracted, Kind
from functions.extract.failures import failure
from functions.extract.parsers.characters import collapse

REFERENCES: Final = re.compile(
    r"(?:\d+\.?|[ivx]+\.|[a-z]\.)?\s*(?:references?|bibliography|works cited|literature cited|literature|"
    r"references? and notes|cited literature)\s*:?",
    re.IGNORECASE,
)
_ABSTRACT: Final = re.compile(r"abstract|summary", re.IGNORECASE)
SEPARATOR: Final = "\n\n"


class Composer:
    """Collects blocks; `finish` returns them as one document."""

    def __init__(self, text_chars: int) -> None:
        self._text_chars = text_chars
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._path: list[tuple[int, str]] = []

    @property
    def section(self) -> tuple[str, ...]:
        """Headings above the next block, outermost first."""
        return tuple(text for _, text in self._path)

    @property
    def in_references(self) -> bool:
        """Whether the next block belongs to a list of references."""
        return any(REFERENCES.fullmatch(text) for _, text in self._path)

    @property
    def has_body(self) -> bool:
        """Whether any block but headings has been added."""
        return any(block.kind != "heading" for block in self._blocks)

    def title(self, text: str, page: int | None = None) -> None:
        """Add the document's own title: part of the text, but of no section path."""
        self._append(collapse(text), "heading", (), page, page, ())

    def heading(self, level: int, text: str, page: int | None = None) -> None:
        """Open a section; level 1 is the outermost."""
        text = collapse(text)
        if not text:
            return
        while self._path and self._path[-1][0] >= level:
            self._path.pop()
        self._append(text, "heading", self.section, page, page, ())
        self._path.append((level, text))

    def add(
        self,
        kind: Kind,
        text: str,
        page_start: int | None = None,
        page_end: int | None = None,
        breaks: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """Add a block of the present section; breaks are (offset in this text, page)."""
        stripped = text.strip("\n") if kind in ("code", "table") else text.strip()
        if not stripped.strip():
            return
        lead = text.find(stripped)
        moved = tuple((max(offset - lead, 0), page) for offset, page in breaks)
        shown: Kind = "reference" if self.in_references and kind in ("paragraph", "list") else kind
        self._append(stripped, shown, self.section, page_start, page_end or page_start, moved)

    def _append(
        self,
        text: str,
        kind: Kind,
        section: tuple[str, ...],
        page_start: int | None,
        page_end: int | None,
        breaks: tuple[tuple[int, int], ...],
    ) -> None:
        start = self._length + (len(SEPARATOR) if self._parts else 0)
        end = start + len(text)
        if end > self._text_chars:
            raise failure("too-large", f"Its text is longer than {self._text_chars:,} characters.")
        absolute = tuple((start + offset, page) for offset, page in breaks)
        self._parts.append(text)
        self._length = end
        self._blocks.append(Block(start, end, page_start, page_end, section, kind, absolute))

    def abstract(self) -> str | None:
        """Return the first section called abstract or summary, if there is one."""
        chosen = [
            part
            for part, block in zip(self._parts, self._blocks, strict=True)
            if block.kind != "heading" and block.section and _ABSTRACT.fullmatch(block.section[-1])
        ]
        return SEPARATOR.join(chosen) or None

    def finish(
        self,
        *,
        media_type: str,
        title: str | None = None,
        authors: tuple[str, ...] = (),
        year: int | None = None,
        doi: str | None = None,
        pages: int | None = None,
        abstract: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> Extracted:
        """Return the document. Raises: ExtractionFailed (empty-document) when there is no text at all."""
        if not any(character.isalnum() for part in self._parts for character in part):
            raise failure("empty-document", "No letter or digit was found in it.")
        return Extracted(
            text=SEPARATOR.join(self._parts),
            blocks=tuple(self._blocks),
            title=title,
            authors=authors,
            year=year,
            doi=doi,
            abstract=abstract or self.abstract(),
            pages=pages,
            media_type=media_type,
            notes=notes,
        )
