"""What lies at the paths a person names: files to send as they are, and records (JSON documents) in files."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.errors import UsageError

MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".md": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".tex": "text/x-tex",
    ".txt": "text/plain",
}
RECORD_SUFFIXES = {".json", ".jsonl", ".ndjson"}
# The server takes at least 1000 lines; half of that keeps an answer, and what a broken connection repeats, short.
LINES_A_REQUEST = 500
# Full texts can be long: a request stays well below what servers and proxies accept.
BYTES_A_REQUEST = 8 * 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A file to send; `name` is its path below the folder that was named, with forward slashes."""

    path: Path
    name: str
    media_type: str


@dataclass
class Found:
    """What a walk found: files to send, files of records, other suffixes with their counts, and remarks."""

    files: list[SourceFile] = field(default_factory=list)
    records: list[Path] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """A JSON document of a file: where it stands (`file:line`) and its members, or why it can't be read."""

    where: str
    document: dict[str, Any] | None
    reason: str = ""


def find(paths: Sequence[Path]) -> Found:
    """Return what lies at `paths`, folders with all below them, in a stable order, each file once.

    Hidden files and folders are left out. A file named by itself must be of a known kind.
    Raises: UsageError when a path does not exist or is of an unknown kind.
    """
    found = Found()
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            _find_below(path, found, seen)
        elif not path.exists():
            raise UsageError(f"{path} does not exist", action="Name files or folders that are there.")
        elif path.suffix.lower() not in MEDIA_TYPES.keys() | RECORD_SUFFIXES:
            known = " ".join(sorted(MEDIA_TYPES.keys() | RECORD_SUFFIXES))
            raise UsageError(f"{path} is of no known kind", f"Known: {known}.", "Convert it, or leave it out.")
        else:
            _add(path, path.name, found, seen)
    return found


def _find_below(folder: Path, found: Found, seen: set[Path]) -> None:
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if any(part.startswith(".") for part in below.parts) or not path.is_file():
            continue
        suffix = path.suffix.lower()
        if suffix in RECORD_SUFFIXES and not _holds_documents(path):
            found.remarks.append(f"{path}: left out, its records have neither text nor abstract")
        elif suffix in MEDIA_TYPES.keys() | RECORD_SUFFIXES:
            _add(path, below.as_posix(), found, seen)
        else:
            found.other[suffix or "no suffix"] += 1


def _add(path: Path, name: str, found: Found, seen: set[Path]) -> None:
    if path.resolve() in seen:
        return
    seen.add(path.resolve())
    suffix = path.suffix.lower()
    if suffix in RECORD_SUFFIXES:
        found.records.append(path)
    else:
        found.files.append(SourceFile(path, name, MEDIA_TYPES[suffix]))


def _holds_documents(path: Path) -> bool:
    """Return whether the first record of `path` looks like a document: an index beside papers has no text."""
    first = next(read_records(path), None)
    return first is not None and first.document is not None and bool({"text", "abstract"} & first.document.keys())


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a .jsonl or .ndjson file by line, of a .json file its object or the items of its list."""
    if path.suffix.lower() == ".json":
        yield from _read_json(path)
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _record(f"{path}:{number}", line)


def _read_json(path: Path) -> Iterator[Record]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as exc:
        yield Record(str(path), None, f"not JSON: {exc}")
        return
    items = value if isinstance(value, list) else [value]
    for number, item in enumerate(items, start=1):
        where = f"{path}[{number}]" if isinstance(value, list) else str(path)
        yield Record(where, item) if isinstance(item, dict) else Record(where, None, "not a JSON object")


def _record(where: str, line: bytes) -> Record:
    try:
        value = json.loads(line)
    except ValueError as exc:
        return Record(where, None, f"not JSON: {exc}")
    return Record(where, value) if isinstance(value, dict) else Record(where, None, "not a JSON object")


@dataclass(frozen=True)
class Chunk:
    """Lines of one NDJSON request, and where each came from."""

    places: list[str]
    lines: list[bytes]

    def body(self) -> bytes:
        """Return the request's body."""
        return b"\n".join(self.lines) + b"\n"


def chunk_lines(lines: Iterable[tuple[str, bytes]]) -> Iterator[Chunk]:
    """Yield (place, line) pairs in chunks of at most LINES_A_REQUEST lines and about BYTES_A_REQUEST bytes."""
    chunk, size_bytes = Chunk([], []), 0
    for place, line in lines:
        full = len(chunk.lines) >= LINES_A_REQUEST or size_bytes + len(line) > BYTES_A_REQUEST
        if chunk.lines and full:
            yield chunk
            chunk, size_bytes = Chunk([], []), 0
        chunk.places.append(place)
        chunk.lines.append(line)
        size_bytes += len(line) + 1
    if chunk.lines:
        yield chunk
