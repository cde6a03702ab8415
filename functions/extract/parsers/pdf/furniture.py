"""Running headers, footers and page numbers: what stands at the same place of many pages."""

import re
from collections import Counter
from typing import Final

from functions.extract.parsers.pdf.lines import Line

_PAGE_NUMBER: Final = re.compile(
    r"[-–—|\s]*(?:page\s+|p\.\s*)?(?:\d{1,5}|[ivxlc]{1,7})(?:\s*(?:of|/)\s*\d{1,5})?[-–—|.\s]*", re.I
)
_DIGITS: Final = re.compile(r"\d+")
_OUTER_LINES: Final = 3
_LEAST_PAGES: Final = 3
# Where lines at the same height count as the same place, in points.
_HEIGHT_PT: Final = 6
_MARGIN_PART: Final = 0.13


def remove(pages: list[list[Line]], heights: list[float]) -> list[list[Line]]:
    """Return the pages without their furniture. heights: of the pages, in points."""
    keys = [_keys(page, height) for page, height in zip(pages, heights, strict=True)]
    counts = Counter(key for page in keys for key in set(page.values()))
    return [
        [line for index, line in enumerate(page) if not _is_furniture(line, found.get(index), counts, len(pages))]
        for page, found in zip(pages, keys, strict=True)
    ]


def _keys(page: list[Line], height: float) -> dict[int, tuple[str, int]]:
    """Return for each outer line, by index, its text without numbers and its height."""
    order = sorted(range(len(page)), key=lambda index: -page[index].y)
    outer = {*order[:_OUTER_LINES], *order[-_OUTER_LINES:]}
    margin = height * _MARGIN_PART
    return {
        index: (_DIGITS.sub("#", page[index].text.lower()), round(page[index].y / _HEIGHT_PT))
        for index in outer
        if not margin < page[index].y < height - margin
    }


def _is_furniture(line: Line, key: tuple[str, int] | None, counts: Counter[tuple[str, int]], pages: int) -> bool:
    if key is None:
        return False
    text, place = key
    if _PAGE_NUMBER.fullmatch(line.text):
        # Roman numerals are words, too ("mix", "I"); a digit alone in the margin is a page number even once.
        return text.strip("-–—| .").startswith("#") or sum(counts[(text, place + step)] for step in (-1, 0, 1)) > 1
    seen = sum(counts[(text, place + step)] for step in (-1, 0, 1))
    return any(map(str.isalpha, text)) and seen >= min(_LEAST_PAGES, max(pages, 2)) and line.mono < 0.5
