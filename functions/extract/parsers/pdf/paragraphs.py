"""From lines to paragraphs, listings, tables, formulas, captions and list items."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from functions.extract.document import Kind
from functions.extract.parsers.composer import REFERENCES
from functions.extract.parsers.pdf.lines import Line
from functions.extract.parsers.pdf.styles import Headings, body_size

_ITEM: Final = re.compile(r"(?:[•◦▪‣·∗–*-]|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]|\[\d{1,3}\])\s+\S")
_BRACKETED: Final = re.compile(r"\[[\w+.-]{1,12}\]\s")
_CAPTION: Final = re.compile(r"(?:figure|fig\.|table|algorithm|listing|scheme|box)\s*\d+(?:\.\d+)?\s*[:.|]", re.I)
_FINAL: Final = re.compile(r"[.!?:;][\"')\]”’]*$")
_GAP: Final = 1.35
_CODE: Final = 0.6


@dataclass(slots=True)
class Draft:
    """A block in the making. level: of a heading; small: set smaller than the text, as notes and captions are."""

    kind: Kind
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    small: bool = False


def draft(lines: Sequence[Line], headings: Headings) -> list[Draft]:
    """Return the blocks of the whole document in reading order, paragraphs still parted at page and column ends."""
    drafter = _Drafter(lines)
    index = 0
    while index < len(lines):
        found = headings.match(lines, index)
        if found:
            level, count = found
            drafter.heading(level, list(lines[index : index + count]))
            index += count
        else:
            drafter.line(lines[index])
            index += 1
    return drafter.drafts


class _Drafter:
    def __init__(self, lines: Sequence[Line]) -> None:
        self.drafts: list[Draft] = []
        self._body = body_size(lines)
        self._leading = _leading(lines)
        self._references_level = 0
        self._edges = _edges(lines)

    def heading(self, level: int, lines: list[Line]) -> None:
        text = " ".join(line.text for line in lines)
        if REFERENCES.fullmatch(text):
            self._references_level = level
        elif level <= self._references_level:
            self._references_level = 0
        self.drafts.append(Draft("heading", lines, level))

    def line(self, line: Line) -> None:
        kind = self._kind(line)
        last = self.drafts[-1] if self.drafts else None
        small = line.size < self._body * 0.93 and kind in ("paragraph", "caption")
        if last and last.kind != "heading" and self._belongs(last, line, kind):
            last.lines.append(line)
        else:
            self.drafts.append(Draft(kind, [line], small=small))

    def _kind(self, line: Line) -> Kind:
        if not any(map(str.isalnum, line.text)):
            return self.drafts[-1].kind if self.drafts and self.drafts[-1].kind != "heading" else "equation"
        if self._references_level:
            return "paragraph"
        if line.mono > _CODE:
            return "paragraph" if self._within_text(line) else "code"
        if line.cells >= 3 and line.math < 0.5:
            return "table"
        if _CAPTION.match(line.text):
            return "caption"
        return "equation" if _is_formula(line) else "list" if _ITEM.match(line.text) else "paragraph"

    def _within_text(self, line: Line) -> bool:
        """Whether a line in a typewriter face is the middle of a sentence that began above it."""
        last = self.drafts[-1] if self.drafts else None
        if last is None or last.kind not in ("paragraph", "list"):
            return False
        above = last.lines[-1]
        full = above.right > above.right_edge - 0.1 * (above.right_edge - above.left_edge)
        close = above.page == line.page and above.zone == line.zone and above.y - line.y < _GAP * self._leading
        return full and close and not _FINAL.search(above.text) and line.left < above.left + line.size

    def _belongs(self, last: Draft, line: Line, kind: Kind) -> bool:  # noqa: PLR0911 - one reason to part lines each
        above = last.lines[-1]
        if above.page != line.page or above.zone != line.zone:
            return False
        gap = above.y - line.y
        if kind == "code" or last.kind == "code":
            return kind == last.kind and gap < 3.2 * max(line.size, above.size)
        if gap > _GAP * self._leading * max(line.size, above.size) / self._body:
            return last.kind == kind == "equation" and gap < 3 * line.size
        if last.kind == "table" and kind in ("paragraph", "list"):
            return line.cells > 1 or line.left > min(row.left for row in last.lines) + 3 * line.size
        if kind in ("table", "equation"):
            return last.kind == kind or (kind == "equation" and last.kind != "table" and line.left > above.left + 1)
        if last.kind in ("table", "equation"):
            return False
        if kind in ("list", "caption"):
            return False
        if abs(line.size - above.size) > 0.12 * above.size and min(len(line.text), len(above.text)) > 20:
            return False
        return self._references_continue(last, line) if self._references_level else not self._starts(last, line)

    def _references_continue(self, last: Draft, line: Line) -> bool:
        left, _ = self._edges[(line.page, line.zone)]
        if _BRACKETED.match(line.text) or _BRACKETED.match(last.lines[0].text):
            return not _BRACKETED.match(line.text)
        return line.left > left + 0.6 * line.size

    def _starts(self, last: Draft, line: Line) -> bool:
        """Whether the line begins a new paragraph by its indent, or since the line above ends early."""
        above = last.lines[-1]
        left, right = self._edges[(line.page, line.zone)]
        if last.kind in ("list", "caption"):
            return line.left < last.lines[0].left - 0.3 * line.size or (
                last.kind == "list" and len(last.lines) > 1 and line.left < above.left - 0.5 * line.size
            )
        indented = 0.7 * line.size < line.left - above.left < 4 * line.size and above.left < left + 0.5 * line.size
        early = above.right < right - 0.12 * (right - left) and bool(_FINAL.search(above.text))
        return (indented and not _is_centred(line)) or (early and line.text[:1].isupper())


def _is_centred(line: Line) -> bool:
    before, after = line.left - line.left_edge, line.right_edge - line.right
    return before > 3 * line.size and abs(before - after) < 2 * line.size


def _is_formula(line: Line) -> bool:
    words = [word for word in line.text.split() if len(word) > 3 and word.isalpha()]
    return (line.math > 0.35 and len(words) <= 3) or (_is_centred(line) and line.math > 0.15 and len(words) <= 4)


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance between the baselines of a paragraph, in points."""
    gaps = [
        above.y - below.y
        for above, below in itertools.pairwise(lines)
        if above.zone == below.zone
        and above.page == below.page
        and 0.8 * below.size < above.y - below.y < 2.2 * below.size
    ]
    return median(gaps) if gaps else 12.0


def _edges(lines: Sequence[Line]) -> dict[tuple[int, int], tuple[float, float]]:
    """Return for each column of each page where most of its lines begin and end."""
    columns: dict[tuple[int, int], list[Line]] = {}
    for line in lines:
        columns.setdefault((line.page, line.zone), []).append(line)
    return {
        key: (
            sorted(line.left for line in column)[len(column) // 10],
            sorted(line.right for line in column)[-1 - len(column) // 10],
        )
        for key, column in columns.items()
    }


def rejoin(drafts: Sequence[Draft]) -> list[Draft]:
    """Join paragraphs that run on over the end of a column or page; notes and floats between come after them."""
    joined: list[Draft] = []
    open_at: int | None = None
    for block in drafts:
        if block.kind in ("heading", "equation", "code"):
            open_at = None
        elif open_at is not None and _flows(block) and _moved_on(joined[open_at], block):
            if _runs_on(joined[open_at], block):
                joined[open_at].lines.extend(block.lines)
                continue
            open_at = None
        if _flows(block):
            open_at = len(joined)
        joined.append(block)
    return joined


def _flows(block: Draft) -> bool:
    return block.kind in ("paragraph", "list") and not block.small


def _moved_on(upper: Draft, lower: Draft) -> bool:
    above, below = upper.lines[-1], lower.lines[0]
    return (above.page, above.zone) != (below.page, below.zone)


def _runs_on(upper: Draft, lower: Draft) -> bool:
    above, below = upper.lines[-1], lower.lines[0]
    if below.page - above.page > 1 or lower.kind == "list" or abs(above.size - below.size) > 0.12 * above.size:
        return False
    if above.text.endswith("-") and below.text[:1].islower():
        return True
    full = above.right > above.right_edge - 0.15 * (above.right_edge - above.left_edge)
    return not _FINAL.search(above.text) and full and not _BRACKETED.match(below.text)
