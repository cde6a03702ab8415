"""Title, authors, year and DOI of a paper, from its first page and the file's own meta data."""

import re
from collections.abc import Sequence
from typing import Final

from functions.extract.parsers.bibliography import authors_of, doi_of, split_names, year_of
from functions.extract.parsers.characters import clean, collapse
from functions.extract.parsers.pdf.lines import Line
from functions.extract.parsers.pdf.styles import GENERIC, normalise

_NOT_A_TITLE: Final = re.compile(
    r"untitled|microsoft word|\.(?:dvi|docx?|tex|rnw|pdf|ps|indd|qxd)\b|^arxiv:|^layout|^paper$|^slide \d|^no job name",
    re.I,
)
_AFFILIATION: Final = re.compile(
    r"@|https?:|www\.|univ|institut|department|dept|college|school|laborator|hospital|centre|center|faculty|inc\.|"
    r"corporation|research|academy|abstract|version|page|journal|\d{4}",
    re.I,
)
_NAME: Final = re.compile(r"[^\W\d_a-z][^\W\d_]*[.'’-]?(?:[ -]?[^\W\d_][\w.'’-]*){1,4}")
_DATE: Final = re.compile(
    r"jan(?:uary)?|feb(?:ruary)?|march|april|\bmay\b|june|july|august|sept(?:ember)?|oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?|journal|volume|vol\.|published|accepted|arxiv|©|copyright|version|proceedings|conference",
    re.I,
)
_TITLE_LINES: Final = 5
_AUTHOR_LINES: Final = 8
_HEAD_LINES: Final = 25
# Further down than this from the last name there is text.
_AUTHOR_GAP_PT: Final = 45


def title_of(first: Sequence[Line], stored: str) -> tuple[str | None, list[Line]]:
    """Return the title and the lines of the first page that show it.

    The largest type of the upper page is the title; the file's own title is preferred where the page agrees with it,
    since it has no line breaks, and used where the page shows none.
    """
    stored = collapse(clean(stored))
    if _NOT_A_TITLE.search(stored) or len(stored) < 4:
        stored = ""
    shown = _largest(first)
    text = _joined(shown)
    if stored:
        page = normalise(" ".join(line.text for line in first[: 2 * _HEAD_LINES]))
        if normalise(stored) and normalise(stored) in page:
            return stored, _lines_within(first, stored) or shown
        if not shown or _overlap(stored, text) > 0.6:
            return (text or stored), shown
        return (text if len(text) > 8 else stored), shown
    return text or None, shown


def _largest(first: Sequence[Line]) -> list[Line]:
    """Return the lines in the largest type of the first page's beginning, when it is larger than the rest."""
    head = [line for line in first[:_HEAD_LINES] if sum(map(str.isalpha, line.text)) > 2 and line.mono < 0.5]
    if not head:
        return []
    size = max(line.size for line in head)
    others = [line.size for line in first if line.size < size - 0.4]
    if not others:
        return []
    start = next(index for index, line in enumerate(head) if line.size >= size - 0.4)
    found: list[Line] = []
    for line in head[start : start + _TITLE_LINES]:
        if line.size < size - 0.4 or (found and found[-1].y - line.y > 2.2 * size):
            break
        found.append(line)
    return found if not GENERIC.fullmatch(_joined(found)) else []


def _joined(lines: Sequence[Line]) -> str:
    text = ""
    for line in lines:
        text = text[:-1] + line.text if text.endswith("-") and line.text[:1].islower() else f"{text} {line.text}"
    return collapse(text)


def _lines_within(first: Sequence[Line], title: str) -> list[Line]:
    """Return the consecutive lines at the page's head whose text is part of the title."""
    whole = normalise(title)
    found: list[Line] = []
    for line in first[:_HEAD_LINES]:
        key = normalise(line.text)
        if key and key in whole and line.mono < 0.5:
            found.append(line)
        elif found:
            break
    return found if normalise(_joined(found)) == whole else []


def _overlap(left: str, right: str) -> float:
    one, two = set(left.lower().split()), set(right.lower().split())
    return len(one & two) / max(len(one | two), 1)


def authors(first: Sequence[Line], title_lines: Sequence[Line], stored: str) -> tuple[str, ...]:
    """Return the authors that the file names, else those of the lines under the title."""
    named = authors_of(stored)
    if named and all(len(name.split()) > 1 for name in named):
        return named
    found: list[str] = []
    last = 0.0
    below = [line for line in first if not title_lines or line.y < title_lines[-1].y][:_AUTHOR_LINES]
    for line in below:
        if GENERIC.fullmatch(line.text):
            break
        if found and last - line.y > _AUTHOR_GAP_PT:
            break
        if _AFFILIATION.search(line.text):
            continue
        names = [re.sub(r"[\d*†‡§¶,]+$", "", name).strip() for name in split_names(line.text)]
        names = [name for name in names if name]
        if not names or not all(_NAME.fullmatch(name) and len(name) < 40 for name in names):
            if found:
                break
            continue
        found += names
        last = line.y
    return authors_of(found)


def year(first: Sequence[Line]) -> int | None:
    """Return the year of a dated line at the first page's head or foot."""
    for line in (*first[:_HEAD_LINES], *first[-6:]):
        if len(line.text) < 140 and (found := year_of(line.text)):
            rest = re.sub(r"\d", "", line.text).strip(" ,./-()")
            if _DATE.search(line.text) or not rest:
                return found
    return None


def doi(first: Sequence[Line]) -> str | None:
    """Return the first DOI on the first page."""
    return doi_of("\n".join(line.text for line in first))
