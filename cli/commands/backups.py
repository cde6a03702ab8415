"""`research-kb backup` and `research-kb restore`."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.errors import CommandFailed
from cli.output import AsJson, print_json

if TYPE_CHECKING:
    from cli.backup.manifest import Manifest
    from cli.backup.restoring import Restored

Result = TypeVar("Result")
Folder = Annotated[Path, typer.Argument(help="Where the backup is.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)
    app.command()(resume)


def backup(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    as_json: AsJson = False,
) -> None:
    """Write the database and the objects into FOLDER while everything runs.

    DATABASE_URL and OBJECT_STORE_URL name them (neither: the embedded stack's); the database without a pooler.
    """
    from cli.backup.making import make_backup
    from cli.backup.place import find_place
    from cli.progress import ProgressDisplay

    started = time.monotonic()
    with ProgressDisplay(silent=as_json) as display:
        manifest = _run(make_backup(find_place(), folder, display))
    _tell(folder, manifest, time.monotonic() - started, as_json)


def restore(
    folder: Folder,
    replace: Annotated[bool, typer.Option("--replace", help="Delete what the database and the store hold.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Verify the backup and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Restore the backup in FOLDER into an empty database and object store.

    DATABASE_URL and OBJECT_STORE_URL name them (neither: the embedded stack's). Every checksum is verified first.
    """
    from cli.backup.place import find_place
    from cli.backup.restoring import check_backup, restore_backup
    from cli.progress import ProgressDisplay

    started = time.monotonic()
    with ProgressDisplay(silent=as_json) as display:
        if check:
            _tell(folder, _run(check_backup(folder, display)), time.monotonic() - started, as_json)
            return
        restored = _run(restore_backup(find_place(), folder, display, replace=replace))
    _tell(folder, restored.manifest, time.monotonic() - started, as_json, restored)


def resume(as_json: AsJson = False) -> None:
    """Announce unfinished documents anew: after the database was restored by other means, or Kafka was lost.

    DATABASE_URL names the database (default: the embedded stack's).
    """
    from cli.backup.place import find_place
    from cli.backup.resuming import resume_place

    documents = _run(resume_place(find_place(objects=False)))
    print_json({"unfinished_documents": documents}) if as_json else print(f"{documents} unfinished documents go on")


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end; what the database or the object store refuses becomes a failed command."""
    import asyncpg

    from shared.migrate import UnfitDatabase
    from shared.problems import Problem

    try:
        return asyncio.run(work)
    except Problem as exc:
        raise CommandFailed(exc.title, exc.detail, "Correct OBJECT_STORE_URL or its credentials.") from exc
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as exc:
        raise CommandFailed("The database refused", str(exc), "Correct what it names and try again.") from exc
    except UnfitDatabase as exc:
        raise CommandFailed("The database cannot be migrated", str(exc), "Do that, and run the command again.") from exc
    except OSError as exc:
        raise CommandFailed("A file could not be read or written", str(exc), "Correct it and try again.") from exc


def _tell(
    folder: Path, manifest: "Manifest", seconds: float, as_json: bool, restored: "Restored | None" = None
) -> None:
    if as_json:
        print_json(_described(folder, manifest, seconds, restored))
        return
    rows = ", ".join(f"{count} {name}" for name, count in manifest.rows.items())
    sizes = f"dump {_megabytes(manifest.database.size_bytes)}, objects {_megabytes(manifest.objects_bytes)}"
    print(f"{folder}: {rows}; {manifest.objects} objects; {sizes}; made {manifest.made_at}; {seconds:.1f} s")
    if restored is None:
        return
    print(f"{restored.resumed} unfinished documents go on; {len(restored.migrations)} migrations applied")
    sessions = f" ({restored.sessions} sessions were open)" if restored.sessions else ""
    print(f"what to do next: restart the functions and the bridge{sessions}; they know what was there before")


def _described(folder: Path, manifest: "Manifest", seconds: float, restored: "Restored | None") -> dict[str, Any]:
    said = {
        "folder": str(folder),
        "made_at": manifest.made_at,
        "release": manifest.release,
        "rows": manifest.rows,
        "objects": manifest.objects,
        "objects_bytes": manifest.objects_bytes,
        "database_bytes": manifest.database.size_bytes,
        "seconds": round(seconds, 2),
    }
    if restored is None:
        return said
    return said | {
        "unfinished_documents": restored.resumed,
        "migrations_applied": restored.migrations,
        "open_sessions": restored.sessions,
        "objects_removed": restored.removed,
    }


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
