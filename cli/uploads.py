"""Sending documents: files one by one, records many at once, several requests in flight."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from cli.errors import CommandFailed, ServerProblem
from cli.files import Chunk, Record, SourceFile, chunk_lines
from cli.pauses import backoff_s
from cli.server import Server

NDJSON = "application/x-ndjson"
# Statuses that mean "no document of yours will be taken": key missing, scope missing, limit used up.
_HOPELESS = {401, 403, 429}
# With the pauses between, a dependency has some ten seconds to come back.
LINE_ATTEMPTS = 5


@dataclass(frozen=True)
class Defaults:
    """What every document gets that does not say otherwise itself."""

    collection: str | None = None
    source_type: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    by_path: bool = False

    def applied_to(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the document with what it does not say itself."""
        given = {"collection": self.collection, "source_type": self.source_type}
        whole = {name: value for name, value in given.items() if value is not None} | document
        if self.metadata:
            whole["metadata"] = self.metadata | (document.get("metadata") or {})
        return whole

    def form(self, file: SourceFile) -> dict[str, str]:
        """Return the form fields that go with a file."""
        fields = {
            "collection": self.collection,
            "source_type": self.source_type,
            "metadata": json.dumps(self.metadata) if self.metadata else None,
            "external_id": file.name if self.by_path else None,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class Upload:
    """What became of one document: its id, or the problem why it was not taken."""

    place: str
    id: str | None
    unchanged: bool = False
    problem: dict[str, Any] | None = None


def refused(place: str, detail: str, action: str) -> Upload:
    """Return the upload of a document that was not sent."""
    return Upload(place, None, problem={"title": "Not sent", "detail": detail, "action": action})


def send_file(server: Server, file: SourceFile, defaults: Defaults) -> Upload:
    """Send one file; its problem is returned, not raised, unless no other file would fare better."""
    place = str(file.path)
    try:
        with file.path.open("rb") as stream:
            part = (file.path.name, stream, file.media_type)
            response = server.send("POST", "/documents", data=defaults.form(file), files={"file": part})
    except OSError as exc:
        return refused(place, str(exc), "Make the file readable.")
    except ServerProblem as exc:
        if exc.status in _HOPELESS:
            raise
        return Upload(place, None, problem=exc.members)
    answer = response.json()
    return Upload(place, answer["id"], bool(answer.get("duplicate")))


def send_chunk(server: Server, chunk: Chunk) -> list[Upload]:
    """Send a chunk of records; one upload a line. Lines for which a part of the server was away are sent again."""
    uploads: list[Upload] = []
    for attempt in range(1, LINE_ATTEMPTS + 1):
        uploads += (answers := _send_lines(server, chunk))
        away = [upload for upload in answers if (upload.problem or {}).get("status") == 503]
        if not away or attempt == LINE_ATTEMPTS:
            break
        time.sleep(backoff_s(attempt))
        again = {upload.place for upload in away}
        uploads = [upload for upload in uploads if upload.place not in again]
        kept = [(place, line) for place, line in zip(chunk.places, chunk.lines, strict=True) if place in again]
        chunk = Chunk([place for place, _ in kept], [line for _, line in kept])
    return uploads


def _send_lines(server: Server, chunk: Chunk) -> list[Upload]:
    response = server.send("POST", "/documents", content=chunk.body(), headers={"Content-Type": NDJSON})
    uploads = [
        Upload(chunk.places[item["line"] - 1], item.get("id"), bool(item.get("duplicate")), item.get("problem"))
        for item in response.json()["items"]
    ]
    if len(uploads) != len(chunk.lines):
        raise CommandFailed("The server's answer is incomplete", f"{len(uploads)} items for {len(chunk.lines)} lines.")
    return uploads


def send_all(
    server: Server,
    files: Iterable[SourceFile],
    records: Iterable[Record],
    defaults: Defaults,
    *,
    concurrency: int,
    on_done: Callable[[Upload], None],
) -> list[Upload]:
    """Send everything with at most `concurrency` requests in flight; what is not read yet takes no memory."""
    unreadable: list[Upload] = []
    chunks = chunk_lines(_lines(records, defaults, unreadable))
    work: Iterator[Callable[[], list[Upload]]] = _jobs(server, files, chunks, defaults)
    done: list[Upload] = []

    def collect(uploads: Iterable[Upload]) -> None:
        for upload in uploads:
            done.append(upload)
            on_done(upload)

    with ThreadPoolExecutor(concurrency, thread_name_prefix="upload") as pool:
        running: set[Future[list[Upload]]] = set()
        try:
            for job in work:
                running.add(pool.submit(job))
                if len(running) >= concurrency:
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        collect(future.result())
            for future in running:
                collect(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    collect(unreadable)
    return done


def _jobs(
    server: Server, files: Iterable[SourceFile], chunks: Iterable[Chunk], defaults: Defaults
) -> Iterator[Callable[[], list[Upload]]]:
    for file in files:
        yield lambda file=file: [send_file(server, file, defaults)]  # type: ignore[misc]  # bound now, not later
    for chunk in chunks:
        yield lambda chunk=chunk: send_chunk(server, chunk)  # type: ignore[misc]  # bound now, not later


def _lines(records: Iterable[Record], defaults: Defaults, unreadable: list[Upload]) -> Iterator[tuple[str, bytes]]:
    for record in records:
        if record.document is None:
            unreadable.append(refused(record.where, record.reason, "Correct the record."))
        else:
            yield record.where, json.dumps(defaults.applied_to(record.document), ensure_ascii=False).encode()
