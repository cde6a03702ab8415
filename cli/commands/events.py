"""`research-kb events dead-letters`: events that no function could handle."""

import json
from typing import Annotated, Any

import typer

from cli.output import AsJson, print_fields, print_json, print_table, short_time

app = typer.Typer(no_args_is_help=True, help="Events between the functions.")
dead_letters = typer.Typer(no_args_is_help=True, help="Events that no function could handle: list, show, replay.")
app.add_typer(dead_letters, name="dead-letters")

LetterId = Annotated[str, typer.Argument(help="The dead letter's id, as `dead-letters list` shows it.")]


@dead_letters.command("list")
def list_letters(
    replayed: Annotated[bool, typer.Option("--replayed", help="Show those replayed already, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first."""
    from cli.server import Server

    with Server() as server:
        items = list(server.each("/dead-letters", at_most=limit, replayed=replayed))
    if as_json:
        print_json(items)
        return
    columns = ["id", "topic", "event", "reason", "attempts>", "since", "replayed"]
    print_table(columns, [_row(item) for item in items])


def _row(item: dict[str, Any]) -> list[Any]:
    event = (item.get("event") or {}).get("type")
    times = [short_time(item.get(name)) for name in ("created_at", "replayed_at")]
    return [item["id"], item["topic"], event, item["reason"], item["attempts"], *times]


@dead_letters.command("show")
def show_letter(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Show one dead letter with its whole event."""
    from cli.server import Server

    with Server() as server:
        letter = server.get(f"/dead-letters/{letter_id}")
    if as_json:
        print_json(letter)
        return
    event = letter.pop("event", None)
    print_fields(letter)
    print(json.dumps(event, indent=2, ensure_ascii=False))


@dead_letters.command("replay")
def replay_letters(
    letter_ids: Annotated[list[str], typer.Argument(help="Ids of dead letters.")], as_json: AsJson = False
) -> None:
    """Send events to their topic again, once what stopped them is put right."""
    from cli.server import Server

    with Server() as server:
        answers = [server.post(f"/dead-letters/{letter_id}/replay", {}) for letter_id in letter_ids]
    print_json(answers) if as_json else print(f"{len(answers)} replayed")
