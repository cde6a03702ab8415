"""Plain text: paragraphs at blank lines, nothing else is guessed."""

import re
from typing import Final

from functions.extract.document import Extracted
from functions.extract.parsers.characters import clean
from functions.extract.parsers.composer import REFERENCES, Composer
from functions.extract.parsers.hyphens import join_lines

_BLANK_LINES: Final = re.compile(r"\n(?:[ \t]*\n)+")
# A line with three runs of spaces in it, or one that starts with a tab or four spaces, was laid out by hand.
_LAID_OUT: Final = re.compile(r"(?m)^(?:\t| {4}|\|)|\S {3,}\S.* {3,}\S")
_LIST_ITEM: Final = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S")


def parse(text: str, text_chars: int = 10_000_000) -> Extracted:
    """Parse text that is already decoded. Takes well under a millisecond for an abstract.

    Raises: ExtractionFailed (empty-document, too-large).
    """
    composer = Composer(text_chars)
    for paragraph in _BLANK_LINES.split(clean(text)):
        _add(composer, paragraph.strip("\n"))
    return composer.finish(media_type="text/plain")


def _add(composer: Composer, paragraph: str) -> None:
    stripped = paragraph.strip()
    if not stripped:
        return
    if REFERENCES.fullmatch(stripped):
        composer.heading(1, stripped)
    elif "\n" not in stripped:
        composer.add("paragraph", stripped)
    elif _LAID_OUT.search(paragraph):
        composer.add("code", paragraph)
    elif all(_LIST_ITEM.match(line) or line[:1].isspace() for line in stripped.split("\n")):
        composer.add("list", stripped)
    else:
        composer.add("paragraph", join_lines(stripped))
