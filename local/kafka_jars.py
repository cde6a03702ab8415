"""Apache Kafka's jars: fetched once by jgo, each checked against the SHA-256 in kafka-jars.lock, shared by all stacks.

`python -m local.kafka_jars` writes the lock anew (part of `make lock`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from local.settings import StackError

LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
BROKER = "org.apache.kafka:kafka_2.13:4.1.1"
# The binding without which the broker's log lines go nowhere, of the log4j version that the broker brings. Alone: its
# managed versions would otherwise move the broker's own dependencies.
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"

DOWNLOADS_AT_ONCE = 8
DOWNLOAD_TIMEOUT_S = 60


def provide_jars() -> list[Path]:
    """The paths of the jars, all verified; downloads what is missing or was damaged.

    They lie outside RESEARCH_KB_HOME, in the user's cache: 42 MB that are the same for every stack and survive its
    deletion. Raises StackError when a jar cannot be fetched or is not the one that was pinned.
    """
    folder = _cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    pinned = read_lock()
    with _exclusive(folder):
        missing = [coordinate for coordinate in pinned if not _is_intact(folder, coordinate, pinned[coordinate])]
        if missing:
            _download(folder, missing)
            _verify(folder, {coordinate: pinned[coordinate] for coordinate in missing})
    return [_jar_path(folder, coordinate) for coordinate in pinned]


def read_lock(path: Path = LOCK_FILE) -> dict[str, str]:
    """group:artifact:version -> SHA-256 in hex, in the order of the class path."""
    lines = (line.split() for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {coordinate: digest for digest, coordinate in lines}


def _cache_folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "research-kb" / "maven"


def _jar_path(folder: Path, coordinate: str) -> Path:
    group, artifact, version = coordinate.split(":")
    return folder.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.jar")


def _is_intact(folder: Path, coordinate: str, digest: str) -> bool:
    path = _jar_path(folder, coordinate)
    if path.exists() and _digest(path) == digest:
        return True
    path.unlink(missing_ok=True)
    return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(folder: Path, coordinates: list[str]) -> None:
    from jgo.maven import MavenContext

    # Jar by jar, not by resolving: the lock already names every one, and so no POM is asked for.
    context = MavenContext(repo_cache=folder, timeout=DOWNLOAD_TIMEOUT_S)

    def fetch(coordinate: str) -> None:
        group, artifact, version = coordinate.split(":")
        context.project(group, artifact).at_version(version).artifact().resolve()

    try:
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            list(pool.map(fetch, coordinates))
    except Exception as error:
        raise StackError(
            f"Kafka's jars could not be fetched from Maven Central ({error}). Check the network (and HTTPS_PROXY), or "
            "set KAFKA_BOOTSTRAP to a Kafka that already runs."
        ) from error


def _verify(folder: Path, pinned: dict[str, str]) -> None:
    for coordinate, digest in pinned.items():
        if not _is_intact(folder, coordinate, digest):
            raise StackError(
                f"{coordinate} as fetched is not the jar that {LOCK_FILE.name} pins (SHA-256 {digest[:12]}...). It was "
                "deleted. Something between here and Maven Central changes files; nothing was started."
            )


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two stacks that start at once don't fetch into each other's files."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_lock() -> None:
    """Resolve BROKER with all it needs, add LOG_BINDING, and write LOCK_FILE."""
    import tempfile

    import jgo

    with tempfile.TemporaryDirectory() as cache:
        environment = jgo.build(BROKER, cache_dir=Path(cache))
        if environment.lockfile is None:
            raise StackError(f"jgo resolved {BROKER} without writing its lock; is jgo older than 3.2?")
        resolved = [f"{item.groupId}:{item.artifactId}:{item.version}" for item in environment.lockfile.dependencies]
        folder = Path(cache) / "maven"
        _download(folder, [*resolved, LOG_BINDING])
        lines = [f"{_digest(_jar_path(folder, item))}  {item}" for item in sorted([*resolved, LOG_BINDING])]
    LOCK_FILE.write_text("\n".join(["# SHA-256 and Maven coordinate of each jar of the broker.", *lines]) + "\n")


if __name__ == "__main__":
    write_lock()
