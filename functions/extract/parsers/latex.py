"""LaTeX and Sweave: sections, paragraphs, formulas as written, listings, lists, tables and the bibliography.

The structure is found by one pass over the source; pylatexenc turns the text between into plain characters.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from functions.extract.document import Extracted, Kind
from functions.extract.limits import Limits
from functions.extract.parsers.bibliography import authors_of, doi_of, year_of
from functions.extract.parsers.characters import clean, collapse
from functions.extract.parsers.composer import Composer
from functions.extract.parsers.latex_source import argument, group, prepare, without

_LEVELS: Final = {
    "part": 1, "chapter": 2, "section": 3, "subsection": 4, "subsubsection": 5, "paragraph": 6, "subparagraph": 7,
}  # fmt: skip
_CODE: Final = frozenset(
    {
        "verbatim", "verbatim*", "Verbatim", "lstlisting", "minted", "alltt", "Schunk", "Sinput", "Soutput", "Code",
        "CodeInput", "CodeOutput", "CodeChunk", "Scode", "algorithmic", "algorithm2e",
    }
)  # fmt: skip
_MATH: Final = frozenset(
    f"{name}{star}"
    for name in ("equation", "align", "gather", "multline", "eqnarray", "displaymath", "alignat", "flalign", "math")
    for star in ("", "*")
)
_TABULAR: Final = frozenset({"tabular", "tabular*", "tabularx", "longtable", "array", "tabulary"})
_LISTS: Final = frozenset({"itemize", "enumerate", "description", "compactitem", "compactenum"})
_DROPPED: Final = frozenset({"comment", "tikzpicture", "picture", "pspicture", "filecontents", "filecontents*"})
_TOKEN: Final = re.compile(
    r"\\(?P<section>part|chapter|(?:sub){0,2}section|(?:sub)?paragraph)\*?\s*(?=[\[{])"
    r"|\\begin\s*\{(?P<begin>[A-Za-z0-9]{1,30}\*?)\}"
    r"|\\end\s*\{(?P<end>[A-Za-z0-9]{1,30}\*?)\}"
    r"|\\(?P<item>item|bibitem)(?![A-Za-z])"
    r"|\\(?P<caption>caption)\*?\s*(?=[\[{])"
    r"|(?P<display>\\\[|\$\$)"
    r"|(?P<blank>\n[ \t]*\n\s*)"
)
_CITE: Final = re.compile(r"\\[A-Za-z]{0,12}cite[A-Za-z]{0,12}\*?(?:\s?\[[^\]\n]{0,200}\]){0,2}\s?\{([^{}]{0,2000})\}")
_REFERENCE: Final = re.compile(r"\\(?:eq|page|auto|c|C|v)?ref\*?\{([^{}]{0,200})\}")
_SILENT: Final = re.compile(
    r"\\(?:maketitle|tableofcontents|listoffigures|listoftables|today|label|index|includegraphics|input|include|bibliography|bibliographystyle|vspace|hspace|pagestyle|"
    r"thispagestyle|Sexpr|graphicspath|setlength|addtolength|hyphenation|SweaveOpts|VignetteIndexEntry|usepackage)\*?"
    r"(?:\[[^\]\n]{0,500}\]){0,2}(?:\{[^{}]{0,1000}\}){0,2}"
)
_ROW_END: Final = re.compile(r"\\\\(?:\[[^\]\n]{0,40}\])?|\\tabularnewline")
_RULES: Final = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]{0,20}\}|cmidrule(?:\([^)]{0,9}\))?\{[^}]{0,20}\})"
)
_BARE_MACRO: Final = re.compile(r"\\[A-Za-z]+\*?|[{}~]")
_END: Final = re.compile(r"(?m)^[ \t]*\\end\{document\}")
_TAGS: Final = re.compile(r"\\(?:label\{[^}]{0,200}\}|nonumber|notag)")


def parse(text: str, limits: Limits) -> Extracted:
    """Parse LaTeX that is already decoded. Raises: ExtractionFailed (empty-document, too-large)."""
    source = prepare(clean(text))
    begin = source.find(r"\begin{document}")
    preamble, body = (source[:begin], source[begin + len(r"\begin{document}") :]) if begin >= 0 else (source, source)
    ending = _END.search(body)
    body = body[: ending.start()] if ending else body
    body = without(body, "title", "author", "date", "Abstract", "Keywords", "Plainkeywords")
    title = _named(source, "Plaintitle", "title")
    composer = Composer(limits.text_chars)
    if title:
        composer.title(title)
    if abstract := argument(preamble, "Abstract"):
        composer.heading(_LEVELS["section"], "Abstract")
        composer.add("paragraph", readable(abstract))
    _Walker(composer, body).walk()
    authors = argument(source, "Plainauthor") or argument(source, "author") or ""
    return composer.finish(
        media_type="text/x-tex",
        title=title,
        authors=authors_of(_people(authors)),
        year=year_of(argument(source, "date")),
        doi=doi_of(argument(source, "doi") or argument(source, "DOI") or ""),
    )


def _named(source: str, *macros: str) -> str | None:
    for macro in macros:
        if (found := argument(source, macro)) and (text := readable(found)):
            return text
    return None


def _people(authors: str) -> str:
    """Return the names of an \\author argument: the first line of each author's block."""
    blocks = re.split(r"\\(?:and|And|AND)(?![A-Za-z])", authors)
    first = (re.split(r"\\\\|\\thanks|\\footnote|\\inst|\n\s*\n", block.strip(), maxsplit=1)[0] for block in blocks)
    return " and ".join(readable(name) for name in first)


@lru_cache(maxsize=1)
def _converter() -> Callable[[str], str]:
    from pylatexenc.latex2text import LatexNodes2Text

    converter: Any = LatexNodes2Text(math_mode="verbatim", strict_latex_spaces=False, keep_comments=False)
    convert: Callable[[str], str] = converter.latex_to_text
    return convert


def readable(fragment: str) -> str:
    """Return the fragment on one line as plain text, formulas as written."""
    fragment = _SILENT.sub("", fragment)
    fragment = _CITE.sub(lambda match: f"({match[1]})", fragment)
    fragment = _REFERENCE.sub(lambda match: match[1], fragment)
    try:
        converted = _converter()(fragment)
    except Exception:
        converted = _BARE_MACRO.sub(" ", fragment)
    return collapse(clean(converted))


class _Walker:
    def __init__(self, composer: Composer, body: str) -> None:
        self._composer = composer
        self._body = body
        self._position = 0
        self._pending = 0
        self._lists = 0
        self._items: list[str] = []

    def walk(self) -> None:
        while match := _TOKEN.search(self._body, self._position):
            self._position = match.end()
            if match["item"]:
                self._text_until(match.start())
                self._skip_brackets()
                if match["item"] == "bibitem":
                    self._group()
                if self._lists:
                    self._items.append("")
                self._pending = self._position
                continue
            if match["caption"]:
                self._text_until(match.start())
                self._skip_brackets()
                self._composer.add("caption", readable(self._group()))
            else:
                self._text_until(match.start())
                self._structure(match)
            self._pending = self._position
        self._text_until(len(self._body))
        self._end_list()

    def _structure(self, match: re.Match[str]) -> None:
        if section := match["section"]:
            self._end_list()
            self._skip_brackets()
            self._composer.heading(_LEVELS[section], readable(self._group()))
        elif match["display"]:
            closing = r"\]" if match["display"] == r"\[" else "$$"
            self._block("equation", self._until(closing).strip())
        elif name := match["begin"]:
            self._begin(name)
        elif match["end"] in _LISTS:
            self._lists = max(self._lists - 1, 0)
            if not self._lists:
                self._end_list()

    def _begin(self, name: str) -> None:
        if name in _CODE or name in _DROPPED:
            content = self._until(f"\\end{{{name}}}")
            if name in _CODE:
                self._block("code", re.sub(r"\\(?:begin|end)\{[A-Za-z]{1,20}\}", "", content).strip("\n"))
        elif name in _MATH:
            self._block("equation", _TAGS.sub("", self._until(f"\\end{{{name}}}")).strip())
        elif name in _TABULAR:
            self._table(self._until(f"\\end{{{name}}}"))
        elif name in _LISTS:
            self._skip_brackets()
            self._lists += 1
        elif name == "abstract":
            self._composer.heading(_LEVELS["section"], "Abstract")
        elif name == "thebibliography":
            self._group()
            self._composer.heading(_LEVELS["section"], "References")
        else:
            self._skip_brackets()

    def _table(self, content: str) -> None:
        if content.lstrip().startswith("{"):
            content = re.sub(r"^\s*\{[^{}]{0,200}(?:\{[^{}]{0,200}\}[^{}]{0,200}){0,20}\}", "", content)
        rows = []
        for row in _ROW_END.split(_RULES.sub("", content)):
            cells = [readable(cell) for cell in re.split(r"(?<!\\)&", row)]
            if any(cells):
                rows.append(" | ".join(cells))
        self._block("table", "\n".join(rows))

    def _text_until(self, end: int) -> None:
        text = readable(self._body[self._pending : end])
        self._pending = end
        if self._lists and self._items:
            self._items[-1] = f"{self._items[-1]} {text}".strip()
        elif any(map(str.isalnum, text)):
            self._composer.add("paragraph", text)

    def _block(self, kind: Kind, text: str) -> None:
        if self._lists and self._items:
            self._items[-1] = f"{self._items[-1]} {text}".strip()
        else:
            self._composer.add(kind, text)

    def _end_list(self) -> None:
        items, self._items, self._lists = self._items, [], 0
        self._composer.add("list", "\n".join(f"- {item}" for item in items if item))

    def _until(self, closing: str) -> str:
        """Return the source up to `closing`, or to the end where it is missing, and go behind it."""
        end = self._body.find(closing, self._position)
        end = len(self._body) if end < 0 else end
        content = self._body[self._position : end]
        self._position = min(end + len(closing), len(self._body))
        return content

    def _skip_brackets(self) -> None:
        match = re.compile(r"\s*\[[^\]]{0,500}\]").match(self._body, self._position)
        if match:
            self._position = match.end()

    def _group(self) -> str:
        """Return the content of the braces that begin here, and go behind them."""
        content, self._position = group(self._body, self._position)
        return content
