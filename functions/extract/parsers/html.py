"""HTML: articles, preprints and notes as web pages (distill and LaTeXML included)."""

from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from functions.extract.document import Extracted, Kind
from functions.extract.limits import Limits
from functions.extract.parsers import page_metadata
from functions.extract.parsers.characters import clean, collapse
from functions.extract.parsers.composer import Composer
from functions.extract.parsers.markup import SILENT

_SKIPPED: Final = SILENT | frozenset(
    {
        "footer", "d-front-matter", "d-byline", "d-bibliography", "d-citation-list", "d-footnote-list", "d-cite",
        "dt-byline", "dt-bibliography", "dt-cite", "title",
    }
)  # fmt: skip
_INLINE: Final = frozenset(
    {
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
        "img", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
        "time", "tt", "u", "var", "wbr", "d-hover-box", "nobr",
    }
)  # fmt: skip
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_MATH: Final = frozenset({"d-math", "dt-math", "math"})
_FOOTNOTES: Final = frozenset({"d-footnote", "dt-fn"})
_CAPTIONS: Final = frozenset({"figcaption", "caption"})
_VERBATIM: Final = frozenset({"pre", "d-code", "dt-code"})
_LISTS: Final = frozenset({"ul", "ol", "dl"})
_BLOCKS_IN_CELLS: Final = "p, div, h1, h2, h3, ul, ol, pre, table table"
_MAIN: Final = "main, [role=main], article"
# A main element with less than this part of the page's text is not the main thing.
_MAIN_PART: Final = 0.5


def parse(text: str, limits: Limits) -> Extracted:
    """Parse HTML that is already decoded. Raises: ExtractionFailed (empty-document, too-large)."""
    tree = LexborHTMLParser(text)
    about = page_metadata.read(tree)
    composer = Composer(limits.text_chars)
    body = tree.body
    if body is not None:
        _Walker(composer, about.title).walk(_main(body))
    return composer.finish(
        media_type="text/html",
        title=about.title,
        authors=about.authors,
        year=about.year,
        doi=about.doi,
        abstract=None,
    )


def _main(body: LexborNode) -> LexborNode:
    found = body.css(_MAIN)
    if not found:
        return body
    whole = len(body.text())
    outer = found[0]
    return outer if len(outer.text()) > whole * _MAIN_PART else body


class _Walker:
    """Goes through the tree without recursion, since documents nest as deeply as they like."""

    def __init__(self, composer: Composer, title: str | None) -> None:
        self._composer = composer
        self._title = title
        self._titled = False
        self._buffers: list[list[str]] = [[]]
        self._notes: list[str] = []
        self._items: list[str] = []
        self._lists = 0
        self._rows: list[list[str]] | None = None

    def walk(self, root: LexborNode) -> None:
        node: Any = root.child
        depth = 0
        while node is not None:
            if self._enter(node) and node.child is not None:
                node, depth = node.child, depth + 1
                continue
            self._leave(node)
            while node is not None and node.next is None and depth > 0:
                node, depth = node.parent, depth - 1
                self._leave(node)
            node = node.next if node is not None else None
        self._flush("paragraph")

    def _enter(self, node: LexborNode) -> bool:
        """Take note of the node's beginning; say whether to go into it."""
        tag = node.tag or ""
        if tag == "-text":
            self._buffers[-1].append(node.text_content or "")
            return False
        if tag in _SKIPPED or tag.startswith("-") or _hidden(node):
            return False
        if tag in _INLINE:
            return True
        if tag in _MATH:
            self._math(node)
        elif tag in _VERBATIM:
            self._flush("paragraph")
            self._block("code", node.text().strip("\n"))
        elif tag in _FOOTNOTES:
            self._buffers.append([])
            return True
        elif tag == "br":
            self._buffers[-1].append(" ")
        elif tag == "hr":
            self._flush("paragraph")
        else:
            return self._open(tag, node)
        return False

    def _open(self, tag: str, node: LexborNode) -> bool:
        if tag in ("td", "th") and self._rows is not None:
            return True
        self._flush("paragraph")
        if tag in _LISTS and self._rows is None:
            self._lists += 1
        elif tag == "table" and self._rows is None and node.css_first(_BLOCKS_IN_CELLS) is None:
            self._rows = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        return True

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag in _INLINE or tag in _SKIPPED or tag.startswith("-") or tag in _MATH or tag in _VERBATIM:
            return
        if _hidden(node):
            return
        if tag in _FOOTNOTES:
            if len(self._buffers) > 1:
                self._notes.append(_joined(self._buffers.pop()))
        elif tag in ("td", "th") and self._rows is not None:
            if self._rows:
                self._rows[-1].append(_joined(self._take()))
        elif tag == "table" and self._rows is not None:
            rows, self._rows = self._rows, None
            self._block("table", "\n".join(" | ".join(row) for row in rows if any(row)))
        elif tag in _HEADINGS:
            self._heading(_HEADINGS[tag])
        elif tag in _CAPTIONS:
            self._flush("caption")
        elif tag not in ("br", "hr"):
            self._flush("paragraph")
            self._close_list(tag)

    def _close_list(self, tag: str) -> None:
        if tag in _LISTS and self._lists:
            self._lists -= 1
            if self._lists == 0:
                items, self._items = self._items, []
                self._composer.add("list", "\n".join(items))

    def _heading(self, level: int) -> None:
        text = _joined(self._take())
        if self._lists or self._rows is not None:
            self._block("paragraph", text)
        elif text and text == self._title and not self._titled:
            self._titled = True
            self._composer.title(text)
        else:
            self._composer.heading(level, text)

    def _math(self, node: LexborNode) -> None:
        source = node.attributes.get("alttext") or node.text()
        formula = collapse(clean(source))
        if not formula:
            return
        if "block" in node.attributes or node.attributes.get("display") == "block":
            self._flush("paragraph")
            self._block("equation", formula)
        else:
            self._buffers[-1].append(f"${formula}$")

    def _take(self) -> list[str]:
        taken, self._buffers[-1] = self._buffers[-1], []
        return taken

    def _flush(self, kind: Kind) -> None:
        self._block(kind, _joined(self._take()))
        if len(self._buffers) == 1:
            notes, self._notes = self._notes, []
            for note in notes:
                self._block("paragraph", note)

    def _block(self, kind: Kind, text: str) -> None:
        if not text.strip():
            return
        if self._rows is not None and kind != "table":
            self._buffers[-1].append(f" {text} ")
        elif len(self._buffers) > 1:
            self._buffers[-1].append(f"{text} ")
        elif self._lists:
            self._items.append("  " * (self._lists - 1) + ("- " if kind == "paragraph" else "") + text)
        else:
            self._composer.add(kind, clean(text))


def _joined(parts: list[str]) -> str:
    return collapse(clean("".join(parts)))


def _hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") in ("navigation", "banner", "search", "contentinfo")
        or "display:none" in style
    )
