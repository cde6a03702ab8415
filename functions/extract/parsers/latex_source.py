"""Preparing LaTeX source: comments and definitions taken out, Sweave chunks made listings, arguments found."""

import re
from typing import Final

_CHUNK_BEGIN: Final = re.compile(r"^<<[^\n]*>>=\s*$")
_CHUNK_END: Final = re.compile(r"^@\s*(?:%.*)?$")
_VERBATIM_BEGIN: Final = re.compile(r"\\begin\{(verbatim\*?|Verbatim|lstlisting|minted|comment)\}")
_COMMENT: Final = re.compile(r"(?<!\\)(?:\\\\)*%")
_DEFINITION: Final = re.compile(
    r"\\(?:(?:re|provide)?newcommand\*?|def|newtheorem\*?|DeclareMathOperator\*?)(?![A-Za-z])"
)
_BRACE: Final = re.compile(r"(?<!\\)[{}]")
# An argument longer than this has lost its closing brace.
_LONGEST_ARGUMENT: Final = 50_000


def prepare(source: str) -> str:
    """Return the source without comments and macro definitions; Sweave chunks become verbatim environments."""
    out: list[str] = []
    verbatim: str | None = None
    for line in source.split("\n"):
        if verbatim is not None:
            ends = _CHUNK_END.match(line) if verbatim == "@" else verbatim in line
            out.append("\\end{verbatim}" if ends and verbatim == "@" else line)
            verbatim = None if ends else verbatim
        elif _CHUNK_BEGIN.match(line):
            out.append("\\begin{verbatim}")
            verbatim = "@"
        elif match := _VERBATIM_BEGIN.search(line):
            out.append(line)
            closing = f"\\end{{{match[1]}}}"
            verbatim = None if closing in line[match.end() :] else closing
        else:
            out.extend(_uncommented(line))
    return _without_definitions("\n".join(out))


def _uncommented(line: str) -> list[str]:
    """Return the line without its comment; a line that is nothing else goes altogether, as TeX has it."""
    match = _COMMENT.search(line)
    if not match:
        return [line]
    kept = line[: match.end() - 1]
    return [kept] if kept.strip() else []


def _without_definitions(source: str) -> str:
    out: list[str] = []
    position = 0
    while match := _DEFINITION.search(source, position):
        out.append(source[position : match.start()])
        line_end = source.find("\n", match.end())
        line_end = len(source) if line_end < 0 else line_end
        _, position = group(
            source, source.rfind("{", match.end(), line_end) if "{" in source[match.end() : line_end] else -1
        )
        position = max(position, line_end)
    out.append(source[position:])
    return "".join(out)


def group(source: str, position: int) -> tuple[str, int]:
    """Return the content of the braces at or after white space from `position`, and the place behind them.

    Without an opening brace there the content is empty; without a closing one it ends at the line's end.
    """
    if position < 0:
        return "", 0
    while position < len(source) and source[position].isspace():
        position += 1
    if position >= len(source) or source[position] != "{":
        return "", position
    depth = 0
    for match in _BRACE.finditer(source, position, position + _LONGEST_ARGUMENT):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return source[position + 1 : match.start()], match.end()
    line_end = source.find("\n", position)
    line_end = len(source) if line_end < 0 else line_end
    return source[position + 1 : line_end], line_end


def argument(source: str, macro: str) -> str | None:
    """Return the argument of the macro's first use, None when it is not used."""
    match = re.search(rf"\\{macro}\*?\s*(?:\[[^\]]{{0,500}}\])?\s*(?={{)", source)
    if not match:
        return None
    content, _ = group(source, match.end())
    return content


def without(source: str, *macros: str) -> str:
    """Return the source without the first use of each macro and its argument."""
    for macro in macros:
        match = re.search(rf"\\{macro}\s*(?:\[[^\]]{{0,500}}\])?\s*(?={{)", source)
        if match:
            _, end = group(source, match.end())
            source = source[: match.start()] + source[end:]
    return source
