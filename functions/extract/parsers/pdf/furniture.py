"""Running headers, footers and page numbers: what stands at the same place of many pages."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from functions.extract.parsers.pdf.lines import Run

_PAGE_NUMBER: Final = re.compile(
    r"[-–—|\s]*(?:page\s+|p\.\s*)?(?:\d{1,5}|[ivxlc]{1,7})(?:\s*(?:of|/)\s*\d{1,5})?[-–—|.\s]*", re.IGNORECASE
)
_DIGITS: Final = re.compile(r"\d+")
_OUTER_ROWS: Final = 3
# Left and right pages have headers of their own, so a short paper shows each of them twice only.
_LEAST_PAGES: Final = 3
_SHORT_PAGES: Final = 6
# Rows within this distance stand at the same height, in points.
_HEIGHT_PT: Final = 6
_MARGIN_PART: Final = 0.13

_Key = tuple[str, int]


def remove(pages: Sequence[list[Run]], heights: Sequence[float]) -> list[list[Run]]:
    """Return the pages without their furniture. heights: of the pages, in points."""
    outer = [_outer_rows(page, height) for page, height in zip(pages, heights, strict=True)]
    keys = [[_key(row) for row in rows] for rows in outer]
    counts = Counter(key for page in keys for key in set(page))
    kept = []
    for page, rows, found in zip(pages, outer, keys, strict=True):
        gone = {
            id(run)
            for row, key in zip(rows, found, strict=True)
            if _is_furniture(row, key, counts, len(pages))
            for run in row
        }
        kept.append([run for run in page if id(run) not in gone])
    return kept


def _outer_rows(page: list[Run], height: float) -> list[list[Run]]:
    """Return the first and last rows of the page that stand in its margins."""
    margin = height * _MARGIN_PART
    rows: list[list[Run]] = []
    for run in sorted(page, key=lambda run: -run.y):
        if rows and abs(rows[-1][0].y - run.y) < 0.3 * run.size:
            rows[-1].append(run)
        else:
            rows.append([run])
    chosen = rows if len(rows) <= 2 * _OUTER_ROWS else rows[:_OUTER_ROWS] + rows[-_OUTER_ROWS:]
    return [row for row in chosen if not margin < row[0].y < height - margin]


def _text(row: list[Run]) -> str:
    return " ".join(word.text for run in sorted(row, key=lambda run: run.left) for word in run.words)


def _key(row: list[Run]) -> _Key:
    """Return the row's text without numbers, and its height."""
    return _DIGITS.sub("#", _text(row).lower()), round(row[0].y / _HEIGHT_PT)


def _is_furniture(row: list[Run], key: _Key, counts: Counter[_Key], pages: int) -> bool:
    text, height = key
    seen = sum(counts[(text, height + step)] for step in (-1, 0, 1))
    if _PAGE_NUMBER.fullmatch(_text(row)):
        # A number alone in the margin is the page's, even once; Roman ones are words, too ("mix", "I").
        return "#" in text or seen > 1
    mono = sum(word.font.mono for run in row for word in run.words) > sum(len(run.words) for run in row) / 2
    return any(map(str.isalpha, text)) and seen >= (_LEAST_PAGES if pages > _SHORT_PAGES else 2) and not mono
