"""Splitting a document into passages that fit the embedder."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from functions.extract import cuts
from functions.extract.document import Block, Extracted
from functions.extract.sections import Section, merge_small, outline
from functions.extract.tokens import PassageTokenizer

# Sections shorter than this part of a passage say too little alone and are joined with a neighbour.
_SMALL: Final = 6
# The heading may take up to this part of a passage's tokens; the rest is the body's.
_HEADING: Final = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the document's text, verbatim: text == extracted.text[char_start:char_end].

    heading: title and section path, indexed together with the text (see `indexed_text`), shortened when long.
    section: the whole path, outermost first. Pages count from 1, None where the format has none.
    tokens: of heading, text and the model's special tokens, by the embedder's tokenizer.
    """

    text: str
    heading: str
    section: tuple[str, ...]
    page_start: int | None
    page_end: int | None
    char_start: int
    char_end: int
    tokens: int


def indexed_text(heading: str, text: str) -> str:
    """Return what the embedder is given for a passage; its tokens are those counted here."""
    return f"{heading}\n{text}" if heading else text


def split(extracted: Extracted, title: str, tokenizer: PassageTokenizer, max_tokens: int = 256) -> list[Passage]:
    """Return the passages in reading order.

    Together they cover every block that is not a heading, once; headings are in the passages' headings, or in the
    text where small sections were joined. No passage has more than max_tokens tokens, heading included; the passages
    of a section are of about equal size and end with a paragraph or a sentence where there is one.
    References are passages of their own.
    """
    splitter = _Splitter(extracted, " ".join(title.split()), tokenizer, max_tokens)
    sections = outline(extracted, title)
    if len(sections) > 1:
        sizes = [splitter.size(section) for section in sections]
        sections = merge_small(sections, sizes, max_tokens // _SMALL, max_tokens - max_tokens // _HEADING)
    return [passage for section in sections for passage in splitter.passages(section)]


class _Splitter:
    def __init__(self, extracted: Extracted, title: str, tokenizer: PassageTokenizer, max_tokens: int) -> None:
        self._text = extracted.text
        self._blocks = extracted.blocks
        self._starts = [block.start for block in extracted.blocks]
        self._title = title
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    def size(self, section: Section) -> int:
        """Return the tokens of the section's body, or an upper bound for one that is certainly large."""
        length = section.end - section.start
        if length > self._max_tokens * 16:
            return length
        return self._tokenizer.count(self._text[section.start : section.end])

    def passages(self, section: Section) -> list[Passage]:
        spans = self._tokenizer.spans(self._text[section.start : section.end])
        heading = ". ".join(part for part in (self._title, *section.path) if part)
        room = self._max_tokens - self._tokenizer.overhead
        heading_tokens = self._tokenizer.count(heading)
        fits = heading_tokens + len(spans) <= room and section.end - section.start <= cuts.MOST_CHARS
        if fits:
            return [self._passage(section, heading, heading_tokens, section.start, section.end, len(spans))]
        if heading_tokens > self._max_tokens // _HEADING:
            heading = self._shorten(section.path)
            heading_tokens = self._tokenizer.count(heading)
        most_tokens = max(room - heading_tokens, 1)
        found = cuts.find(self._text, self._blocks_of(section), section.start, spans, most_tokens)
        offsets = cuts.choose(found, most_tokens)
        made = []
        for start, end in pairwise(offsets):
            tokens = spans.before(end - section.start) - spans.before(start - section.start)
            made.append(self._passage(section, heading, heading_tokens, start, end, tokens))
        return [passage for passage in made if passage.text]

    def _shorten(self, path: tuple[str, ...]) -> str:
        """Return title and innermost heading, each cut to its share of what a heading may have."""
        most = self._max_tokens // _HEADING
        inner = self._cut(path[-1], most // 2) if path else ""
        title = self._cut(self._title, most - self._tokenizer.count(inner) - 1)
        return ". ".join(part for part in (title, inner) if part)

    def _cut(self, text: str, most: int) -> str:
        """Return the longest run of whole words at the text's start that has at most `most` tokens."""
        spans = self._tokenizer.spans(text)
        if len(spans) <= most:
            return text
        end = spans.offsets[most][0]
        space = text.rfind(" ", 0, end + 1)
        return text[: space if space > 0 else end].rstrip()

    def _blocks_of(self, section: Section) -> tuple[Block, ...]:
        first = bisect_left(self._starts, section.start)
        return self._blocks[first : bisect_left(self._starts, section.end)]

    def _passage(
        self, section: Section, heading: str, heading_tokens: int, start: int, end: int, tokens: int
    ) -> Passage:
        raw = self._text[start:end]
        text = raw.strip()
        start += len(raw) - len(raw.lstrip())
        end = start + len(text)
        total = heading_tokens + tokens + self._tokenizer.overhead
        first, last = (self._page(start), self._page(max(end - 1, start)))
        return Passage(text, heading, section.path, first, last, start, end, total)

    def _page(self, offset: int) -> int | None:
        return self._blocks[max(bisect_right(self._starts, offset) - 1, 0)].page_at(offset)
