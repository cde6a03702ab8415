"""The program `research-kb`: its commands, its errors, its version."""

import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from cli.commands import (
    backups,
    documents,
    evaluation,
    events,
    ingestion,
    keys,
    models,
    searching,
    sources,
    stack,
    status,
)
from cli.errors import CommandFailed
from cli.output import json_wanted


class Commands(TyperGroup):
    """The commands; a failed one says why and what to do, without a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # typer's Context is the one it passes
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except CommandFailed as failure:
            sys.stderr.write((failure.as_json() if json_wanted(ctx) else failure.as_text()) + "\n")
            raise typer.Exit(failure.exit_code) from failure


app = typer.Typer(
    name="research-kb",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Load research literature, ask it questions, look after the server. "
    "Server: RESEARCH_KB_URL (default http://127.0.0.1:$PORT); key: RESEARCH_KB_API_KEY.",
)


def version() -> str:
    """Return the version of the installed package, or of the checkout when it runs from one."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("research-kb")
    except PackageNotFoundError:
        import tomllib

        from cli.configuration import CHECKOUT

        return str(tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"research-kb {version()}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Load research literature, ask it questions, look after the server."""


for module in (stack, ingestion, searching, evaluation, status, backups):
    module.register(app)
app.add_typer(sources.app, name="sources")
app.add_typer(sources.collections, name="collections")
app.add_typer(documents.app, name="documents")
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")
app.add_typer(events.app, name="events")

if __name__ == "__main__":
    app(prog_name="research-kb")
