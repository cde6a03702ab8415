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
        return
    vectors = answer.pop("vectors")
    print_fields(answer)
    if vectors:
        columns = ["model", "dimension>", "active", "vectors>"]
        print_table(columns, [[model[column.rstrip(">")] for column in columns] for model in vectors])


def health(as_json: AsJson = False) -> None:
    """Ask the server whether it can serve, part by part. Exit code 1 when it can't."""
    from cli.errors import ServerProblem
    from cli.server import Server

    with Server(patience_s=0) as server:
        try:
            answer, healthy = server.get("/health"), True
        except ServerProblem as exc:
            if "dependencies" not in exc.members:
                raise
            answer, healthy = exc.members, False
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if not healthy:
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    print(f"{answer['status']} (version {answer['version']})")
    print_table(["part", "status", "ms>", "more"], [_row(name, part) for name, part in answer["dependencies"].items()])
    models = answer["dependencies"]["triton"].get("models") or {}
    if models:
        columns = ["status", "model_name", "precision", "method", "detail"]
        rows = [[name, *(model.get(column) for column in columns)] for name, model in models.items()]
        print_table(["served as", *columns], rows)


def _row(name: str, part: dict[str, Any]) -> list[Any]:
    rest = {key: value for key, value in part.items() if key not in {"status", "latency_ms", "models"} and value}
    return [name, part["status"], part.get("latency_ms"), rest]
