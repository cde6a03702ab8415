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
    from local import commands

    raise typer.Exit(commands.up(detach=detach))


def down() -> None:
    """End the stack; the data stays."""
    from local import commands

    raise typer.Exit(commands.down())


def status(as_json: AsJson = False) -> None:
    """Show the parts with their ports, processes and memory. Exit code 3 when nothing runs, 1 when not all is ready."""
    from local import commands

    raise typer.Exit(commands.status(as_json=as_json))


def logs(follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False) -> None:
    """Print what the parts say."""
    from local import commands

    raise typer.Exit(commands.logs(follow=follow))
