"""One large file over HTTP: resumed, checked, shown."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triton_models.card import sum_file

if TYPE_CHECKING:
    import httpx
    from rich.console import Console


class PullFailed(RuntimeError):
    """The model could not be fetched; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """One file of a repository; size and sum (hexadecimal SHA-256) are None where the hub does not tell."""

    name: str
    size_bytes: int | None
    sha256: str | None


def download(client: httpx.Client, path: str, part: Part, target: Path, console: Console | None = None) -> None:
    """Fetch `path` into `target`, which exists only when it is whole; goes on from `target`.part.

    Raises: PullFailed when the line breaks, the disk is full, or the content is not what the hub announced.
    """
    import httpx

    if target.is_file() and _matches(target, part):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    try:
        _fetch(client, path, part, partial, console)
    except httpx.HTTPError as exc:
        raise PullFailed(
            f"{part.name} broke off ({exc or type(exc).__name__}); pull again to go on from there."
        ) from exc
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise PullFailed(f"The disk is full at {partial}: free some space and pull again.") from exc
        raise
    if not _matches(partial, part):
        partial.unlink()
        raise PullFailed(
            f"{part.name} arrived damaged and was dropped (its size or SHA-256 is not the hub's); pull again."
        )
    partial.rename(target)


def _fetch(client: httpx.Client, path: str, part: Part, partial: Path, console: Console | None) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if part.size_bytes is not None and have == part.size_bytes:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    # Identity: a compressed answer's ranges and lengths are not the file's.
    with client.stream("GET", path, headers={**headers, "Accept-Encoding": "identity"}) as response:
        if response.status_code == 416:  # what lies here is longer than the file: of another time
            partial.unlink()
            raise PullFailed(f"{part.name} had changed at the hub; pull again.")
        if response.status_code not in {200, 206}:
            raise PullFailed(f"The hub answered {response.status_code} for {part.name}; try again later.")
        resumed = response.status_code == 206
        with partial.open("ab" if resumed else "wb") as file, _progress(part, have if resumed else 0, console) as step:
            # As it comes: collecting larger blocks would lose what lies in them when the line breaks.
            for block in response.iter_raw():
                file.write(block)
                step.advance(len(block))


class _Step:
    """Counts bytes; shows nothing."""

    def advance(self, size_bytes: int) -> None:
        """So many more bytes came."""


@contextmanager
def _progress(part: Part, start_bytes: int, console: Console | None) -> Iterator[_Step]:
    """A bar on `console`; None shows none."""
    if console is None:
        yield _Step()
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = [TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()]
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(part.name, total=part.size_bytes, completed=start_bytes)

        class Shown(_Step):
            def advance(self, size_bytes: int) -> None:
                bar.advance(task, size_bytes)

        yield Shown()


def _matches(path: Path, part: Part) -> bool:
    if part.size_bytes is not None and path.stat().st_size != part.size_bytes:
        return False
    return part.sha256 is None or sum_file(path) == part.sha256
