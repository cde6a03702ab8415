"""Markdown: CommonMark with tables, footnotes, definition lists, math and YAML front matter (JOSS, R Markdown)."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from functions.extract.document import Extracted
from functions.extract.limits import Limits
from functions.extract.parsers import front_matter, markup
from functions.extract.parsers.bibliography import authors_of, doi_of, year_of
from functions.extract.parsers.characters import clean, collapse
from functions.extract.parsers.composer import Composer

_HEADING_ATTRIBUTES: Final = re.compile(r"\s*\{[#.\-=][^{}]*\}\s*$")
_PART: Final = re.compile(r"\((?:PART|APPENDIX)\*?\)")
# Headings that name a part of any document, not the document.
_GENERIC: Final = re.compile(
    r"(?:\d+\.?\s*)?(?:abstract|summary|introduction|background|overview|statement of need|motivation|contents|"
    r"table of contents|references|preface|acknowledge?ments|installation|usage)",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    parser.use(front_matter_plugin).use(dollarmath_plugin, double_inline=True).use(amsmath_plugin)
    return parser.use(footnote_plugin).use(deflist_plugin)


def parse(text: str, limits: Limits, media_type: str = "text/markdown") -> Extracted:
    """Parse Markdown that is already decoded. Raises: ExtractionFailed (empty-document, too-large)."""
    tokens = _parser().parse(clean(text))
    matter = front_matter.read(tokens[0].content) if tokens and tokens[0].type == "front_matter" else {}
    title = collapse(str(matter["title"])) if matter.get("title") else None
    own = None if title else _title_heading(tokens)
    walker = _Walker(Composer(limits.text_chars), own)
    if matter.get("abstract"):
        walker.composer.heading(1, "Abstract")
        walker.composer.add("paragraph", collapse(clean(str(matter["abstract"]))))
    walker.walk(tokens)
    return walker.composer.finish(
        media_type=media_type,
        title=clean(title) if title else walker.title,
        authors=authors_of(matter.get("authors") or matter.get("author")),
        year=year_of(matter.get("date") or matter.get("year")),
        doi=doi_of(str(matter.get("doi", ""))),
    )


def _title_heading(tokens: Sequence[Token]) -> int | None:
    """Return the index of the heading that is the document's title: a first one above all others, not a generic one."""
    headings = [index for index, token in enumerate(tokens) if token.type == "heading_open"]
    if not headings:
        return None
    first = headings[0]
    level = tokens[first].tag
    if any(token.type == "inline" for token in tokens[:first]):
        return None
    if _PART.match(_inline(tokens[first + 1])):  # bookdown's parts of a book stand above the chapter's own title
        headings = headings[1:]
        if not headings:
            return None
        first = headings[0]
        level = tokens[first].tag
    alone = not any(tokens[index].tag == level for index in headings[1:])
    if _GENERIC.fullmatch(_inline(tokens[first + 1])) and not alone:
        return None
    higher_or_equal = [index for index in headings[1:] if tokens[index].tag <= level]
    return first if level == "h1" or not higher_or_equal else None


def _inline(token: Token) -> str:
    """Return the readable text of an inline token: links as their text, math and code as written."""
    parts: list[str] = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type in ("math_inline", "math_single"):
            parts.append(f"${child.content}$")
        elif child.type in ("math_inline_double", "math_block"):
            parts.append(f"$${child.content}$$")
        elif child.type == "image":
            parts.append(_inline(child) or child.content)
        elif child.type == "html_inline":
            parts.append(" " if child.content.lower().startswith("<br") else "")
        elif child.type not in ("footnote_ref", "footnote_anchor"):
            parts.append(child.content)
    return _HEADING_ATTRIBUTES.sub("", collapse("".join(parts)))


class _Walker:
    def __init__(self, composer: Composer, title_heading: int | None) -> None:
        self.composer = composer
        self.title: str | None = None
        self._title_heading = title_heading

    def walk(self, tokens: Sequence[Token]) -> None:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            if token.type == "heading_open":
                self._heading(index, token, _inline(tokens[index + 1]))
                index += 2
            elif token.type in ("bullet_list_open", "ordered_list_open", "table_open", "dl_open"):
                end = _closing(tokens, index)
                inner = tokens[index : end + 1]
                if token.type == "table_open":
                    self.composer.add("table", "\n".join(_rows(inner)))
                else:
                    self.composer.add("list", "\n".join(_items(inner)))
                index = end
            else:
                self._leaf(token)
            index += 1

    def _heading(self, index: int, token: Token, text: str) -> None:
        if index == self._title_heading:
            self.title = text or None
            self.composer.title(text)
        elif _PART.match(text):
            self.composer.title(_PART.sub("", text))
        else:
            self.composer.heading(int(token.tag[1]), text)

    def _leaf(self, token: Token) -> None:
        if token.type == "inline":
            images_only = bool(token.children) and all(
                child.type in ("image", "softbreak", "html_inline") for child in token.children or ()
            )
            self.composer.add("caption" if images_only else "paragraph", _inline(token))
        elif token.type in ("fence", "code_block"):
            self.composer.add("code", token.content)
        elif token.type in ("math_block", "math_block_label", "amsmath"):
            self.composer.add("equation", token.content)
        elif token.type == "html_block":
            self.composer.add("paragraph", collapse(markup.text_of(token.content)))


def _closing(tokens: Sequence[Token], index: int) -> int:
    level, kind = tokens[index].level, tokens[index].type.replace("_open", "_close")
    for end in range(index + 1, len(tokens)):
        if tokens[end].type == kind and tokens[end].level == level:
            return end
    return len(tokens) - 1


def _rows(tokens: Sequence[Token]) -> Iterator[str]:
    row: list[str] = []
    for token in tokens:
        if token.type == "inline":
            row.append(_inline(token))
        elif token.type == "tr_close":
            yield " | ".join(row)
            row = []


def _items(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the lines of a list: items marked and indented, paragraphs and code below their item."""
    depth = -1
    numbers: list[int | None] = []
    mark = ""
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open", "dl_open"):
            depth += 1
            numbers.append(int(token.attrs.get("start", 1)) if token.type.startswith("ordered") else None)
        elif token.type in ("bullet_list_close", "ordered_list_close", "dl_close"):
            depth -= 1
            numbers.pop()
        elif token.type == "list_item_open":
            number = numbers[-1]
            mark = "- " if number is None else f"{number}. "
            numbers[-1] = None if number is None else number + 1
        elif token.type == "dd_open":
            mark = "  "
        elif token.type == "inline":
            yield "  " * depth + (mark or "  ") * (bool(mark) or depth > 0) + _inline(token)
            mark = ""
        elif token.type in ("fence", "code_block", "math_block", "amsmath"):
            yield from ("  " * (depth + 1) + line for line in token.content.rstrip("\n").split("\n"))
        elif token.type == "html_block" and (text := collapse(markup.text_of(token.content))):
            yield "  " * (depth + 1) + text
