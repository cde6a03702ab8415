"""`research-kb stats` and `research-kb health`: what is there, and whether it works."""

from typing import Annotated, Any

import typer

from cli.output import AsJson, print_fields, print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("stats")(stats)
    app.command("health")(health)


def stats(
    collection: Annotated[str | None, typer.Option(help="Count only this collection.")] = None, as_json: AsJson = False
) -> None:
    """Count sources, passages, documents by state, terms and vectors."""
    from cli.server import Server

    with Server() as server:
        answer = server.get("/stats", collection=collection)
    if as_json:
        print_json(answer)
    else:
        print_fields(answer)


def health(as_json: AsJson = False) -> None:
    """Ask the server whether it can serve, part by part. Exit code 1 when it can't."""
    from cli.errors import ServerProblem
    from cli.server import Server

    with Server(patience_s=0) as server:
        try:
            answer, healthy = server.get("/health"), True
        except ServerProblem as exc:
            if exc.status != 503 or not _parts(exc.members):
                raise
            answer, healthy = exc.members, False
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if not healthy:
        raise typer.Exit(1)


def _parts(answer: dict[str, Any]) -> dict[str, Any]:
    for name in ("dependencies", "checks", "parts"):
        if isinstance(answer.get(name), dict):
            return dict(answer[name])
    return {}


def _show(answer: dict[str, Any]) -> None:
    print(answer.get("status", ""))
    rows = []
    for name, part in _parts(answer).items():
        rest = {key: value for key, value in part.items() if key not in {"status", "latency_ms"}}
        rows.append([name, part.get("status"), part.get("latency_ms"), rest])
    if rows:
        print_table(["part", "status", "ms>", "more"], rows)
