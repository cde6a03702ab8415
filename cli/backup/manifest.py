"""What a backup consists of. `manifest.json` is written last and whole: a folder without it is no backup."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cli.errors import CommandFailed

FORMAT = 1
MANIFEST, DATABASE, LISTING, OBJECTS = "manifest.json", "database.dump", "objects.jsonl", "objects"
CHUNK_BYTES = 2**20

_KEY = re.compile(r"[\w=@+-][\w.=@+-]*(/[\w=@+-][\w.=@+-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Unusable(CommandFailed):
    """A backup that must not be restored: incomplete, damaged, or of another version."""


@dataclass(frozen=True)
class Checked:
    """A file below the backup's folder, or an object, with its size and SHA-256 (hex digits)."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The backup's parts and where they come from. `objects` counts the lines of `listing`."""

    format: int
    made_at: str
    release: str
    postgres: int  # major version of the server, and of the program that wrote the dump
    vector: str  # version of the extension
    migrations: list[str]
    rows: dict[str, int]
    database: Checked
    listing: Checked
    objects: int
    objects_bytes: int


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make all that was written durable, then the manifest, whole or not at all."""
    os.sync()
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{MANIFEST}.")
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(manifest), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(folder / MANIFEST)
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the backup in `folder`. Raises: Unusable."""
    try:
        said = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError as exc:
        raise _no_backup(folder) from exc
    except (ValueError, OSError) as exc:
        raise Unusable("The backup's manifest cannot be read", f"{folder / MANIFEST}: {exc}", "Use another.") from exc
    found = said.get("format") if isinstance(said, dict) else None
    if found != FORMAT:
        raise Unusable(
            "The backup has another format",
            f"{folder} has format {found!r}; this release reads format {FORMAT}.",
            "Restore it with the release that made it.",
        )
    try:
        checked = {name: Checked(**said[name]) for name in ("database", "listing")}
        return Manifest(**{field.name: said[field.name] for field in fields(Manifest)} | checked)
    except (TypeError, KeyError) as exc:
        raise Unusable("The backup's manifest is damaged", f"{folder / MANIFEST}: {exc}", "Use another.") from exc


def _no_backup(folder: Path) -> Unusable:
    if not folder.is_dir():
        return Unusable("There is no such backup", f"{folder} is no folder.", "Name the folder of a backup.")
    if is_incomplete(folder):
        return Unusable(
            "The backup is incomplete",
            f"{folder} has no {MANIFEST}: making it was interrupted.",
            "Make it again with `research-kb backup`, or use another.",
        )
    return Unusable("There is no backup", f"{folder} has no {MANIFEST}.", "Name the folder of a backup.")


def is_incomplete(folder: Path) -> bool:
    """Tell whether an interrupted backup left the folder: its parts, nothing else, and no manifest."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(f".{MANIFEST}.")}
    return DATABASE in names and names <= {DATABASE, LISTING, OBJECTS}


def check_file(folder: Path, part: Checked) -> None:
    """Raise Unusable unless the file has the size and the SHA-256 that it had."""
    path = folder / part.name
    try:
        size, digest = path.stat().st_size, None
        if size == part.size_bytes:
            digest = hash_file(path)
    except FileNotFoundError as exc:
        raise Unusable("The backup is damaged", f"{path} is missing.", "Use another backup.") from exc
    if size != part.size_bytes:
        said = f"{path} has {size} bytes; it had {part.size_bytes}"
        raise Unusable("The backup is damaged", f"{said}.", "Use another backup.")
    if digest != part.sha256:
        said = f"{path} is not what was written (SHA-256 {digest}; it was {part.sha256})"
        raise Unusable("The backup is damaged", f"{said}.", "Use another backup.")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def measure(folder: Path, name: str) -> Checked:
    """Return a file of the backup with its size and SHA-256."""
    return Checked(name, (folder / name).stat().st_size, hash_file(folder / name))


def write_listing(folder: Path, parts: Iterable[Checked]) -> None:
    """Write which objects a backup has, as `listed_objects` reads it."""
    with (folder / LISTING).open("w") as file:
        for part in parts:
            said = {"key": part.name, "size_bytes": part.size_bytes, "sha256": part.sha256}
            file.write(json.dumps(said) + "\n")


def listed_objects(folder: Path) -> Iterator[Checked]:
    """Yield the objects of a backup. Raises Unusable for a line that names no object."""
    with (folder / LISTING).open() as file:
        for number, line in enumerate(file, 1):
            yield _read_object(line, number)


def _read_object(line: str, number: int) -> Checked:
    try:
        said: dict[str, Any] = json.loads(line)
        part = Checked(said["key"], said["size_bytes"], said["sha256"])
        if _KEY.fullmatch(part.name) and _SHA256.fullmatch(part.sha256):
            return part
    except (ValueError, KeyError, TypeError):
        pass
    raise Unusable("The backup is damaged", f"Line {number} of {LISTING} names no object.", "Use another backup.")
