"""`research-kb keys`: make, list and revoke API keys, and see what they use."""

from typing import Annotated

import typer

from cli.output import AsJson, note, print_fields, print_json, print_table, short_time

app = typer.Typer(no_args_is_help=True, help="API keys and what they use.")


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.")],
    tier: Annotated[str, typer.Option(help="free, standard or premium.")] = "standard",
    scope: Annotated[list[str] | None, typer.Option(help="search, read, ingest or admin; may be repeated.")] = None,
    collection: Annotated[list[str] | None, typer.Option(help="Only this collection; may be repeated.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="RFC 3339 time, as 2027-01-31T00:00:00Z.")] = None,
    per_hour: Annotated[int | None, typer.Option(min=1, help="Requests an hour instead of the tier's.")] = None,
    concurrent: Annotated[int | None, typer.Option(min=1, help="Requests at once instead of the tier's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown once; the server keeps only a hash. Scopes default to search and read."""
    from cli.server import Server

    limits = {"per_hour": per_hour, "concurrent": concurrent}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    body = {
        "name": name,
        "tier": tier,
        "scopes": scope or ["search", "read"],
        "collections": collection,
        "expires_at": expires_at,
        "limits": limits or None,
    }
    with Server() as server:
        answer = server.post("/keys", {k: v for k, v in body.items() if v is not None}, repeatable=False)
    if as_json:
        print_json(answer)
        return
    print_fields(answer)
    note("Keep the key now: it is not shown again.")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List keys, without their secrets."""
    from cli.server import Server

    with Server() as server:
        items = list(server.each("/keys"))
    if as_json:
        print_json(items)
        return
    columns = ["id", "name", "tier", "scopes", "collections", "created", "expires", "revoked"]
    rows = [
        [item["id"], item["name"], item["tier"], item["scopes"], item.get("collections")]
        + [short_time(item.get(f"{what}_at")) for what in ("created", "expires", "revoked")]
        for item in items
    ]
    print_table(columns, rows)


@app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The key's id.")], as_json: AsJson = False) -> None:
    """Revoke a key: from now on it opens nothing."""
    from cli.server import Server

    with Server() as server:
        server.delete(f"/keys/{key_id}")
    print_json({"revoked": key_id}) if as_json else print(f"key {key_id} revoked")


@app.command("usage")
def show_usage(
    key_id: Annotated[str | None, typer.Argument(help="Another key, for admins (default: your own).")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a key may use and has used."""
    from cli.server import Server

    with Server() as server:
        usage = server.get("/usage", key_id=key_id)
    if as_json:
        print_json(usage)
        return
    ended = usage.pop("ended_windows", [])
    print_fields(usage)
    if ended:
        print_table(["hour since", "requests>"], [[short_time(hour["started_at"]), hour["requests"]] for hour in ended])
