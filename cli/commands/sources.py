"""`research-kb sources` and `research-kb collections`: what is loaded, and taking it out again."""

from typing import Annotated

import typer

from cli.output import AsJson, print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="List, show and delete what is loaded.")
collections = typer.Typer(no_args_is_help=True, help="Delete whole collections.")

SourceId = Annotated[str, typer.Argument(help="The source's id, as `sources list` shows it.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


@app.command("list")
def list_sources(
    collection: Annotated[str | None, typer.Option(help="Only of this collection.")] = None,
    source_type: Annotated[
        list[str] | None, typer.Option(help="paper, textbook, code_repo or note; may be repeated.")
    ] = None,
    year_from: Annotated[int | None, typer.Option(help="Not older than this year.")] = None,
    year_to: Annotated[int | None, typer.Option(help="Not newer than this year.")] = None,
    author: Annotated[str | None, typer.Option(help="Part of an author's name.")] = None,
    title: Annotated[str | None, typer.Option(help="Part of the title.")] = None,
    doi: Annotated[str | None, typer.Option(help="Its DOI, in any form.")] = None,
    external_id: Annotated[str | None, typer.Option(help="The id it was loaded with.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List sources."""
    from cli.server import Server

    with Server() as server:
        items = list(
            server.each(
                "/sources",
                at_most=limit,
                collection=collection,
                source_type=source_type,
                year_from=year_from,
                year_to=year_to,
                author=author,
                title=title,
                doi=doi,
                external_id=external_id,
            )
        )
    if as_json:
        print_json(items)
        return
    columns = ["id", "title", "authors", "year>", "collection", "passages>"]
    print_table(columns, [[item.get(column.rstrip(">")) for column in columns] for item in items])


@app.command("show")
def show_source(source_id: SourceId, as_json: AsJson = False) -> None:
    """Show one source."""
    from cli.server import Server

    with Server() as server:
        source = server.get(f"/sources/{source_id}")
    print_json(source) if as_json else print_fields(source)


@app.command("passages")
def list_passages(source_id: SourceId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """Show a source's passages in reading order."""
    from cli.commands.searching import place_of
    from cli.output import console
    from cli.server import Server

    with Server() as server:
        items = list(server.each(f"/sources/{source_id}/passages", at_most=limit))
    if as_json:
        print_json(items)
        return
    out = console()
    for item in items:
        out.print(f"[{item.get('ordinal', item['id'])}] {place_of(item)}", style="green", markup=False)
        out.print(item["text"], markup=False)
        out.print()


@app.command("delete")
def delete_sources(
    source_ids: Annotated[list[str], typer.Argument(help="Ids of sources.")], yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete sources with their documents, passages and vectors."""
    from cli.server import Server

    _confirm(f"Delete {len(source_ids)} source(s)?", yes)
    with Server() as server:
        for source_id in source_ids:
            server.delete(f"/sources/{source_id}")
    print_json({"deleted": source_ids}) if as_json else print(f"{len(source_ids)} deleted")


@collections.command("delete")
def delete_collection(
    name: Annotated[str, typer.Argument(help="The collection's name.")], yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete a collection with all that is in it."""
    from urllib.parse import quote

    from cli.server import Server

    _confirm(f"Delete the collection {name} with all that is in it?", yes)
    # A large collection is deleted in batches before the server answers.
    with Server(timeout_s=600) as server:
        server.delete(f"/collections/{quote(name, safe='')}")
    print_json({"deleted": name}) if as_json else print(f"collection {name} deleted")


def _confirm(question: str, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)
