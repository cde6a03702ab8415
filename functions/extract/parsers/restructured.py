"""reStructuredText, by way of Markdown: what papers and manuals use of it has a counterpart there."""

import re
from collections.abc import Iterator
from typing import Final

_ADORNMENT: Final = re.compile(r"([=\-~^\"'`*+#:.<>_])\1{2,}\s*$")
_DIRECTIVE: Final = re.compile(r"\s*\.\. ([a-z][a-z-]*)::\s*(.*)$")
_TARGET_OR_COMMENT: Final = re.compile(r"\s*\.\.(?:\s|$)")
_OPTION: Final = re.compile(r"\s+:[a-z-]+:")
_ROLE_MATH: Final = re.compile(r":math:\s?`([^`]*)`")
_ROLE: Final = re.compile(r":[a-z:+-]+:`(?:([^`<]*?)\s*<[^`>]*>|([^`]*))`")
_LINK: Final = re.compile(r"`([^`<]{1,500}?)\s*<[^`>]{1,2000}>`_{1,2}")
_REFERENCE: Final = re.compile(r"`([^`]{1,500})`_{1,2}")
_CODE: Final = frozenset({"code", "code-block", "sourcecode", "literalinclude", "doctest", "parsed-literal"})
_DROPPED: Final = frozenset(
    {"image", "contents", "toctree", "raw", "include", "literalinclude", "index", "meta", "only"}
)


def to_markdown(text: str) -> str:
    """Return the document as Markdown: headings, directives and inline markup rewritten, the rest as it is."""
    lines = text.expandtabs(4).split("\n")
    return "\n".join(_Converter(lines).convert())


class _Converter:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._styles: list[str] = []  # in order of appearance: the outermost level first, as docutils has it

    def convert(self) -> Iterator[str]:
        index = 0
        while index < len(self._lines):
            used, out = self._next(index)
            yield from out
            index += used

    def _next(self, index: int) -> tuple[int, list[str]]:
        line = self._lines[index]
        below = self._line(index + 1)
        if _ADORNMENT.match(line) and below.strip() and _ADORNMENT.match(self._line(index + 2)):
            return 3, self._heading("over" + line[0], below)
        if line.strip() and not line[0].isspace() and _is_underline(below, line):
            return 2, self._heading(below[0], line)
        if match := _DIRECTIVE.match(line):
            return self._directive(index, match[1], match[2])
        if _TARGET_OR_COMMENT.match(line):
            return 1 + len(self._indented(index + 1)), [""]
        if line.rstrip().endswith("::"):
            return 1, [_inline(line.rstrip()[:-1])]
        return 1, [_inline(line) if not line.startswith("    ") else line]

    def _line(self, index: int) -> str:
        return self._lines[index] if index < len(self._lines) else ""

    def _heading(self, style: str, text: str) -> list[str]:
        if style not in self._styles:
            self._styles.append(style)
        level = min(self._styles.index(style) + 1, 6)
        return ["", "#" * level + " " + _inline(text.strip()), ""]

    def _indented(self, index: int) -> list[str]:
        """Return the lines from `index` that are indented or blank, without blank ones at the end."""
        found: list[str] = []
        while index < len(self._lines) and (not self._lines[index].strip() or self._lines[index][0].isspace()):
            found.append(self._lines[index])
            index += 1
        while found and not found[-1].strip():
            found.pop()
        return found

    def _directive(self, index: int, name: str, argument: str) -> tuple[int, list[str]]:
        inner = self._indented(index + 1)
        used = 1 + len(inner)
        content = _dedent([line for line in inner if not _OPTION.match(line)])
        if name == "math":
            return used, [
                "",
                "$$",
                *([argument] if argument else []),
                *(line for line in content if line.strip()),
                "$$",
                "",
            ]
        if name in _DROPPED:
            return used, [""]
        if name in _CODE:
            return used, ["", "```", *content, "```", ""]
        if name == "rubric":
            return used, ["", f"**{_inline(argument).strip()}**", ""]
        return used, ["", _inline(argument), "", *(_inline(line) for line in content), ""]


def _is_underline(line: str, text: str) -> bool:
    match = _ADORNMENT.match(line)
    return bool(match) and len(line.rstrip()) >= min(len(text.rstrip()), 4) and not _ADORNMENT.match(text)


def _dedent(lines: list[str]) -> list[str]:
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[depth:] for line in lines]


def _inline(text: str) -> str:
    text = _ROLE_MATH.sub(lambda match: f"${match[1].strip()}$", text)
    text = _LINK.sub(lambda match: match[1], text)
    text = _ROLE.sub(lambda match: match[1] or match[2] or "", text)
    return _REFERENCE.sub(lambda match: match[1], text)
