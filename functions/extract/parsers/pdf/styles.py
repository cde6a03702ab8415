"""Telling headings from text: by the document's bookmarks where it has some, else by size, weight and numbering."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from functions.extract.parsers.pdf.lines import Line

_NUMBERED: Final = re.compile(
    r"^(?:(?:appendix|chapter|part|section)\s+)?(?:\d{1,2}|[A-Z]|[IVX]{1,5})(?:\.\d{1,2}){0,4}(?:[.:]\s*|\s+)(?=\S)",
    re.IGNORECASE,
)
_DEEP_NUMBER: Final = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+[A-Z]")
GENERIC: Final = re.compile(
    r"(?:\d{1,2}\.?\s+)?(?:abstract|summary|introduction|references|bibliography|acknowledge?ments?|appendix|conclusions?|"
    r"discussion|computational details|keywords|contents)\s*[:.]?",
    re.I,
)
_NOT_ALNUM: Final = re.compile(r"[\W_]+")
_DATED: Final = re.compile(r"\b(?:19|20)\d\d\b")
_CHAPTER: Final = re.compile(r"(?:chapter|part|appendix)\s+(?:\d{1,3}|[A-Z]|[IVX]{1,5})\.?", re.IGNORECASE)
_LARGER: Final = 1.12
_LONGEST: Final = 160
_MOST_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of the document's outline; level from 1, page from 1 (None when it points nowhere)."""

    title: str
    level: int
    page: int | None


def normalise(text: str) -> str:
    """Return the text's letters and digits, to compare headings and titles by."""
    return _NOT_ALNUM.sub("", text.lower())


def _keys(text: str) -> set[str]:
    """Return what a heading may be known by: with and without its number."""
    text = text.strip()
    return {normalise(text), normalise(_NUMBERED.sub("", text))} - {""}


def body_size(lines: Iterable[Line]) -> float:
    """Return the font size that most characters have."""
    counts: Counter[float] = Counter()
    for line in lines:
        if line.mono < 0.5:
            counts[round(line.size * 2) / 2] += len(line.text)
    return counts.most_common(1)[0][0] if counts else 10.0


class Headings:
    """Decides which lines of a document are headings, and of which level."""

    def __init__(self, lines: Sequence[Line], bookmarks: Sequence[Bookmark], names: Iterable[str] = ()) -> None:
        """names: of the authors, which stand in large type, too."""
        self._names = {normalise(name) for name in names}
        self._used: set[int] = set()
        self._body = body_size(lines)
        self._marks: dict[str, list[Bookmark]] = {}
        for mark in bookmarks:
            for key in _keys(mark.title):
                self._marks.setdefault(key, []).append(mark)
        matched = [mark for line in lines for mark in [self._bookmark(line.text, line.page)] if mark]
        self._trusted = len(matched) >= 3
        sizes = {round(line.size, 1) for line in lines if self._larger(line) and self._plausible(line)}
        self._opening = self._find_opening(lines)
        self._ranks = {size: rank for rank, size in enumerate(sorted(sizes, reverse=True)[:4], start=1)}

    def match(self, lines: Sequence[Line], index: int) -> tuple[int, int] | None:
        """Return (level, number of lines) of the heading that begins at `index`, or None."""
        for count in range(min(_MOST_LINES, len(lines) - index), 0, -1):
            group = lines[index : index + count]
            if _together(group) and (mark := self._bookmark(" ".join(line.text for line in group), group[0].page)):
                self._used.add(id(mark))
                return mark.level, count
        line = lines[index]
        if _CHAPTER.fullmatch(line.text) and self._larger(line) and index + 1 < len(lines):
            return 1, 2 if self._larger(lines[index + 1]) and lines[index + 1].page == line.page else 1
        if not self._plausible(line) or not self._stands_out(line) or not _apart(lines, index):
            return None
        if (self._trusted or index < self._opening) and not GENERIC.fullmatch(line.text):
            return None
        count = 1
        while count < _MOST_LINES and index + count < len(lines) and self._continues(lines, index + count):
            count += 1
        return self._level(line), count

    def _find_opening(self, lines: Sequence[Line]) -> int:
        """Return the index of the first sure heading of the first page: what is large above it are names and logos."""
        for index, line in enumerate(lines):
            if line.page > 1:
                break
            sure = GENERIC.fullmatch(line.text) or _DEEP_NUMBER.match(line.text) or self._bookmark(line.text, 1)
            if sure and self._plausible(line):
                return index
        return 0

    def _bookmark(self, text: str, page: int) -> Bookmark | None:
        if len(text) > 2 * _LONGEST:
            return None
        found = (mark for key in _keys(text) for mark in self._marks.get(key, ()) if id(mark) not in self._used)
        return next((mark for mark in found if mark.page is None or abs(mark.page - page) <= 1), None)

    def _larger(self, line: Line) -> bool:
        return line.size >= self._body * _LARGER

    def _plausible(self, line: Line) -> bool:
        text = line.text
        letters = sum(map(str.isalpha, text))
        if len(text) > _LONGEST or letters < max(3, len(text) * 0.4) or line.mono > 0.5 or line.math > 0.3:
            return False
        if line.page == 1 and (_DATED.search(text) or normalise(text) in self._names):
            return False
        return text[-1] not in ",;" and (text[0].isalnum() and not text[0].islower())

    def _stands_out(self, line: Line) -> bool:
        if self._larger(line):
            return True
        bold = line.bold > 0.8 and line.size >= self._body * 0.95
        return (bold and not line.text.endswith(".")) or bool(bold and _DEEP_NUMBER.match(line.text))

    def _continues(self, lines: Sequence[Line], index: int) -> bool:
        """Whether the line at `index` is more of the heading above it."""
        above, line = lines[index - 1], lines[index]
        same = abs(line.size - above.size) < 0.3 and (line.bold > 0.8) == (above.bold > 0.8)
        close = line.zone == above.zone and line.page == above.page and 0 < above.y - line.y < 1.6 * above.size
        return same and close and not _DEEP_NUMBER.match(line.text) and len(above.text) > 25

    def _level(self, line: Line) -> int:
        number = _DEEP_NUMBER.match(line.text)
        if number:
            return number[1].count(".") + 1
        if GENERIC.fullmatch(line.text):
            return 1
        return self._ranks.get(round(line.size, 1), len(self._ranks) + 1)


def _together(group: Sequence[Line]) -> bool:
    return all(
        below.page == above.page and below.zone == above.zone and 0 < above.y - below.y < 2.2 * above.size
        for above, below in itertools.pairwise(group)
    )


def _apart(lines: Sequence[Line], index: int) -> bool:
    """Whether there is more room above the line than between lines of a paragraph, or a column begins."""
    if index == 0:
        return True
    above, line = lines[index - 1], lines[index]
    if above.page != line.page or above.zone != line.zone:
        return True
    return above.y - line.y > 1.45 * line.size
