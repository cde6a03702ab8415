"""One ingestion: send what was found, wait until it is indexed, count what became of it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cli.errors import CommandFailed
from cli.files import Found, Record, read_records
from cli.progress import ProgressDisplay
from cli.server import Server
from cli.uploads import Defaults, Upload, send_all
from cli.waiting import Progress, wait_for

# An hourly limit may ask for an hour's patience; a load that takes the night must survive it.
INGEST_PATIENCE_S = 3700.0


@dataclass
class Outcome:
    """What became of the documents of one ingestion; `failures` are {place, id?, problem}."""

    new: int = 0
    unchanged: int = 0
    indexed: int = 0
    waited: bool = True
    failures: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the outcome for programs."""
        counts: dict[str, Any] = {"new": self.new, "unchanged": self.unchanged}
        if self.waited:
            counts["indexed"] = self.indexed
        return counts | {"failed": len(self.failures), "failures": self.failures, "seconds": round(self.seconds, 2)}


def documents_in(found: Found) -> Iterator[Record]:
    """Yield the records of every file of records that was found."""
    for path in found.records:
        yield from read_records(path)


def ingest(
    server: Server,
    found: Found,
    records: Iterable[Record],
    defaults: Defaults,
    *,
    concurrency: int,
    wait: bool,
    timeout_s: float | None,
    display: ProgressDisplay,
) -> Outcome:
    """Send, wait unless told not to, and count. Raises: CommandFailed when it is not over after `timeout_s`."""
    started = time.monotonic()
    total = None if found.records else len(found.files)
    places: set[str] = set()
    only_default = _watch_collections(records, defaults.collection, places)
    uploads = send_all(
        server, found.files, only_default, defaults, concurrency=concurrency, on_done=_counter(display, "sent", total)
    )
    display.show("sent", len(uploads), len(uploads))
    outcome = Outcome(waited=wait)
    collection = defaults.collection if places <= {defaults.collection} else None
    failed = _wait(server, uploads, collection, timeout_s, display) if wait else {}
    for upload in uploads:
        _count(upload, failed, outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


def _watch_collections(records: Iterable[Record], default: str | None, seen: set[str]) -> Iterator[Record]:
    for record in records:
        seen.add(str((record.document or {}).get("collection") or default))
        yield record


def _counter(display: ProgressDisplay, stage: str, total: int | None) -> Callable[[Upload], None]:
    done = 0

    def count(_: Upload) -> None:
        nonlocal done
        done += 1
        display.show(stage, done, total)

    return count


def _wait(
    server: Server, uploads: list[Upload], collection: str | None, timeout_s: float | None, display: ProgressDisplay
) -> dict[str, dict[str, Any]]:
    def show(progress: Progress) -> None:
        display.show("indexed", progress.finished, progress.total)

    ids = [upload.id for upload in uploads if upload.id]
    try:
        return wait_for(server, ids, collection, on_progress=show, timeout_s=timeout_s)
    except TimeoutError as exc:
        action = "It goes on at the server: `research-kb documents list` shows how far it is."
        raise CommandFailed("Not everything is indexed yet", str(exc), action) from exc


def _count(upload: Upload, failed: dict[str, dict[str, Any]], outcome: Outcome) -> None:
    if upload.id is None:
        outcome.failures.append({"place": upload.place, "problem": upload.problem})
        return
    outcome.unchanged += upload.unchanged
    outcome.new += not upload.unchanged
    if document := failed.get(upload.id):
        outcome.failures.append({"place": upload.place, "id": upload.id, "problem": document.get("problem")})
    elif outcome.waited:
        outcome.indexed += 1
