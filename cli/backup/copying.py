"""Copying objects out of the store and back, several at a time."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from cli.backup.manifest import OBJECTS, Checked, check_file
from shared.objects import Objects
from shared.problems import Problem

AT_ONCE = 4
"""Requests in flight: an object has up to 64 MiB and lies in memory meanwhile."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int], None]


async def copy_out(store: Objects, keys: list[str], folder: Path, progress: Progress) -> dict[str, Checked]:
    """Copy the objects below `folder`; return what was copied by key: those that are not there are left out."""

    async def fetch(key: str) -> Checked | None:
        try:
            body = await store.get(key)
        except Problem as exc:
            if exc.slug != "object-missing":
                raise
            return None
        return await asyncio.to_thread(_write, folder / OBJECTS / key, key, body)

    copied: dict[str, Checked] = {}
    done = 0
    (folder / OBJECTS).mkdir(mode=0o700, exist_ok=True)
    async for key, part in _each(keys, fetch):
        done += 1
        progress(done)
        if part is not None:
            copied[key] = part
    return copied


def discard(folder: Path, keys: Iterable[str]) -> None:
    """Delete copies, and folders that held nothing else: their names would be a trace."""
    for key in keys:
        path = folder / OBJECTS / key
        path.unlink()
        with contextlib.suppress(OSError):  # not empty
            path.parent.rmdir()


async def check_objects(parts: Iterable[Checked], folder: Path, progress: Progress) -> None:
    """Raise Unusable at the first object whose bytes are not those that were copied."""

    async def check(part: Checked) -> None:
        await asyncio.to_thread(check_file, folder / OBJECTS, part)

    done = 0
    async for _ in _each(parts, check):
        done += 1
        progress(done)


async def copy_in(store: Objects, parts: Iterable[Checked], folder: Path, progress: Progress) -> None:
    """Put the objects of a backup into the store."""

    async def put(part: Checked) -> None:
        await store.put(part.name, await asyncio.to_thread((folder / OBJECTS / part.name).read_bytes))

    done = 0
    async for _ in _each(parts, put):
        done += 1
        progress(done)


def _write(path: Path, key: str, body: bytes) -> Checked:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(body)
    return Checked(key, len(body), hashlib.sha256(body).hexdigest())


async def _each(items: Iterable[Item], work: Callable[[Item], Awaitable[Result]]) -> AsyncIterator[tuple[Item, Result]]:
    """Yield each item with its result as they become ready, AT_ONCE under way; the first failure ends all."""
    left = iter(items)
    running: dict[asyncio.Future[Result], Item] = {}
    try:
        while True:
            while len(running) < AT_ONCE and (item := next(left, None)) is not None:
                running[asyncio.ensure_future(work(item))] = item
            if not running:
                return
            ready, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for future in ready:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()
        await asyncio.gather(*running, return_exceptions=True)
