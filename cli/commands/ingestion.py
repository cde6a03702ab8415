"""`research-kb ingest`: load files, folders and records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import UsageError
from cli.output import AsJson, note, print_json, print_table

if TYPE_CHECKING:
    from cli.files import Found
    from cli.ingest import Outcome

Paths = Annotated[list[Path], typer.Argument(help="Files (pdf md html tex txt json jsonl ndjson) and folders of them.")]
# Extraction runs on the server, a document at a time per partition: a few uploads keep it fed.
DEFAULT_CONCURRENCY = 4


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def parse_metadata(pairs: list[str]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as an object. Raises: UsageError for a pair without `=` or name."""
    metadata = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--metadata {pair} is not NAME=VALUE")
        metadata[name] = value
    return metadata


def ingest(
    paths: Paths,
    collection: Annotated[str | None, typer.Option(help="Where they go (default: the server's default).")] = None,
    source_type: Annotated[str | None, typer.Option(help="paper, textbook, code_repo or note.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for each of them; may be repeated.")] = None,
    by_path: Annotated[
        bool, typer.Option("--by-path", help="A file is known by its path: a changed file replaces its old version.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return when all is accepted, not when indexed.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Give up waiting after so many seconds.", min=0)] = None,
    concurrency: Annotated[int, typer.Option(help="Requests in flight.", min=1, max=32)] = DEFAULT_CONCURRENCY,
    as_json: AsJson = False,
) -> None:
    """Load documents and wait until each is indexed. Exit code 1 when one failed.

    A record of a .jsonl, .ndjson or .json file has the members of POST /documents (title, text or abstract, ...).
    """
    from cli import ingest as ingestion
    from cli.files import find
    from cli.progress import ProgressDisplay
    from cli.server import Server
    from cli.uploads import Defaults

    found = find(paths)
    _tell(found)
    if not found.files and not found.records:
        raise UsageError("Nothing to load", "No file of a known kind lies there.")
    defaults = Defaults(collection, source_type, parse_metadata(metadata or []), by_path)
    with (
        ProgressDisplay() as display,
        Server(
            patience_s=ingestion.INGEST_PATIENCE_S,
            connections=concurrency,
            on_wait=lambda pause_s, reason: display.say(f"waiting {pause_s:.0f} s: {reason}"),
        ) as server,
    ):
        outcome = ingestion.ingest(
            server,
            found,
            ingestion.documents_in(found),
            defaults,
            concurrency=concurrency,
            wait=not no_wait,
            timeout_s=timeout,
            display=display,
        )
    _report(outcome, as_json)
    if outcome.failures:
        raise typer.Exit(1)


def _tell(found: "Found") -> None:
    for remark in found.remarks:
        note(remark)
    if found.other:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(found.other.items()))
        note(f"left out, of other kinds: {kinds}")


def _report(outcome: "Outcome", as_json: bool) -> None:
    if as_json:
        print_json(outcome.as_json())
        return
    if outcome.failures:
        print_table(["failed", "why", "what to do"], [_failure(failure) for failure in outcome.failures])
    indexed = f", {outcome.indexed} indexed" if outcome.waited else ""
    print(
        f"{outcome.new} new, {outcome.unchanged} unchanged{indexed}, {len(outcome.failures)} failed "
        f"in {outcome.seconds:.1f} s"
    )


def _failure(failure: dict[str, Any]) -> list[str]:
    problem = failure.get("problem") or {}
    why = ": ".join(part for part in (problem.get("title"), problem.get("detail")) if part)
    return [failure["place"], why, problem.get("action") or ""]
