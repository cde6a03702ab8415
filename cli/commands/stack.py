"""`research-kb up|down|status|logs`: the embedded stack on this machine."""

from typing import Annotated

import typer

from cli.output import AsJson


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, logs):
        app.command()(command)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when it is ready.")] = False,
) -> None:
    """Start the stack, load the sample, answer a first question."""


def down() -> None:
    """End the stack; the data stays."""


def status(as_json: AsJson = False) -> None:
    """Show the parts with their ports, processes and memory."""


def logs() -> None:
    """Print what the parts say."""
