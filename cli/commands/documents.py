"""`research-kb documents`: submissions and how far they are."""

from typing import Annotated, Any

import typer

from cli.output import AsJson, print_fields, print_json, print_table, short_time

app = typer.Typer(no_args_is_help=True, help="Submissions and how far each is.")


@app.command("list")
def list_documents(
    collection: Annotated[str | None, typer.Option(help="Only of this collection.")] = None,
    state: Annotated[
        str | None, typer.Option(help="queued, extracting, embedding, indexed, failed or superseded.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List documents, newest first."""
    from cli.server import Server

    with Server() as server:
        items = list(server.each("/documents", at_most=limit, collection=collection, state=state))
    if as_json:
        print_json(items)
        return
    columns = ["id", "state", "done>", "passages>", "name", "collection", "submitted", "problem"]
    print_table(columns, [_row(item) for item in items])


def _row(item: dict[str, Any]) -> list[Any]:
    problem = item.get("problem") or {}
    name = item.get("filename") or item.get("external_id") or item.get("media_type")
    return [
        item["id"],
        item["state"],
        f"{item.get('progress', 0):.0%}",
        item.get("passages_total"),
        name,
        item.get("collection"),
        short_time(item.get("created_at")),
        problem.get("title"),
    ]


@app.command("show")
def show_document(
    document_id: Annotated[str, typer.Argument(help="The document's id.")], as_json: AsJson = False
) -> None:
    """Show one document; of a failed one also why, and what to do."""
    from cli.server import Server

    with Server() as server:
        document = server.get(f"/documents/{document_id}")
    if as_json:
        print_json(document)
        return
    problem = document.pop("problem", None) or {}
    print_fields(document | {"failed_because": problem.get("title"), "detail": problem.get("detail")})
    if problem.get("action"):
        print_fields({"what_to_do": problem["action"]})
