"""What a command prints: JSON for programs, tables for people. Results go to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

# Where nobody watches, a table is not squeezed into 80 columns.
_PIPE_WIDTH = 200
_JSON_WANTED = "research_kb.json"


def _remember(context: typer.Context, wanted: bool) -> bool:
    context.meta[_JSON_WANTED] = wanted
    return wanted


AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout and nothing else.", callback=_remember, is_eager=True)
]


def json_wanted(context: typer.Context) -> bool:
    """Return whether the running command was given --json."""
    return bool(context.meta.get(_JSON_WANTED, False))


def print_json(value: Any) -> None:
    """Print `value` as indented JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def console(*, stderr: bool = False) -> "Console":
    """Return a console on stdout or stderr; colours only on a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _PIPE_WIDTH)


def note(text: str) -> None:
    """Print a line for the person at the prompt, to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def cell(value: Any) -> str:
    """Return `value` as the text of a table's cell: lists joined, nothing for None, seconds of a timestamp."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell(part)}" for name, part in value.items())
    return str(value)


def short_time(value: str | None) -> str:
    """Return an RFC 3339 time without fractions: `2026-01-31 12:00:00`."""
    return (value or "")[:19].replace("T", " ")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a table; a column whose name ends in `>` is right-aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        # An id that is cut can't be copied; the others give way.
        right = column.endswith(">")
        table.add_column(
            column.removesuffix(">"), justify="right" if right else "left", no_wrap=column == "id", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    console().print(table)


def print_fields(fields: dict[str, Any]) -> None:
    """Print one thing: a name and a value a line; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in fields.items():
        if value not in (None, "", [], {}):
            table.add_row(Text(name.replace("_", " "), style="bold"), Text(cell(value)))
    console().print(table)
