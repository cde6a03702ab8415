"""Databases with object stores on the stack's Postgres, and what the tests of backups do with them."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

import cli.backup.place as backup_place
import functions.embed.main
import functions.extract.main
from cli.backup.making import make_backup
from cli.backup.manifest import Manifest
from cli.backup.restoring import Restored, restore_backup
from cli.errors import CommandFailed
from cli.progress import ProgressDisplay
from events.cloudevents import CloudEvent
from functions.extract.settings import ExtractSettings
from shared.documents import Bibliography, Submission, accept
from shared.resources import Resources
from tests.conftest import ROOT, Stack

SILENT = ProgressDisplay(silent=True)


@dataclass(frozen=True)
class Place:
    """A database on the stack's Postgres and an object store beside it."""

    database_url: str
    object_store_url: str
    triton_url: str
    home: Path
    """The stack's: its models have the tokenizer that extraction counts with."""

    def variables(self) -> dict[str, str]:
        """What names it to a program."""
        return {"DATABASE_URL": self.database_url, "OBJECT_STORE_URL": self.object_store_url}

    def named(self) -> backup_place.Place:
        """The same for the command."""
        return backup_place.Place(self.database_url, self.object_store_url)

    def arguments(self) -> dict[str, Any]:
        """The same for settings made here."""
        said = {"database_url": self.database_url, "object_store_url": self.object_store_url}
        return said | {"triton_url": self.triton_url, "research_kb_home": self.home, "log_level": "critical"}

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """A connection to the database."""
        opened = await asyncpg.connect(self.database_url)
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def make_places(stack: Stack, folder: Path) -> AsyncIterator[Callable[[], Awaitable[Place]]]:
    """Yield a maker of places with empty databases, which are dropped afterwards."""
    made: list[str] = []
    owner = await asyncpg.connect(stack.database_url)

    async def make() -> Place:
        name = f"backup_{uuid.uuid4().hex[:12]}"
        await owner.execute(f"CREATE DATABASE {name} TEMPLATE template1")
        made.append(name)
        address = urlsplit(stack.database_url)._replace(path=f"/{name}").geturl()
        return Place(address, (folder / name).as_uri(), stack.triton_url, stack.home)

    yield make
    for name in made:
        await owner.execute(f"DROP DATABASE {name}")
    await owner.close()


async def run(place: Place, *arguments: str | Path, **variables: str) -> tuple[int, dict[str, Any]]:
    """Run `research-kb` with --json; return the exit code and what it printed: the result, or the error."""
    command = [sys.executable, "-m", "cli.main", *map(str, arguments), "--json"]
    environment = os.environ | place.variables() | variables
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    said = done.stdout if done.returncode == 0 else done.stderr
    print(arguments, done.returncode, said)
    try:
        return done.returncode, json.loads(said)
    except ValueError:
        pytest.fail(f"{arguments} printed no JSON: {said[-3000:]}")


async def back_up(place: Place, folder: Path) -> Manifest:
    """Do what `research-kb backup` does, in this process."""
    return await make_backup(place.named(), folder, SILENT)


async def restore(place: Place, folder: Path, *, replace: bool = False) -> Restored:
    """Do what `research-kb restore` does, in this process."""
    return await restore_backup(place.named(), folder, SILENT, replace=replace)


async def refusal(work: Coroutine[Any, Any, Any]) -> CommandFailed:
    """Return what the work ends with; it says what to do and shows no password."""
    with pytest.raises(CommandFailed) as caught:
        await work
    assert caught.value.action
    assert "hidden" not in caught.value.as_json()
    return caught.value


async def submit(place: Place, *texts: str, **said_of_each: Any) -> None:
    """Accept documents that nobody works on: no bridge relays this place's events."""
    held = Resources(ExtractSettings(**place.arguments()))
    said = Bibliography(collection="kept", **said_of_each)
    try:
        await accept(held, [Submission(text.encode(), "text/plain", said) for text in texts])
    finally:
        await held.close()


async def deliver_all(place: Place, *, only: str | None = None) -> int:
    """Do the bridge's work: hand unpublished events (of one type) to extract and embed; return how many there were."""
    settings, handled = ExtractSettings(**place.arguments()), 0
    held = Resources(settings)
    apps = {
        "document.submitted": functions.extract.main.create_app(settings, held),
        "passages.extracted": functions.embed.main.create_app(settings, held),
    }
    try:
        async with place.connection() as connection:
            while rows := await connection.fetch(
                "UPDATE outbox SET published_at = now() WHERE published_at IS NULL AND ($1::text IS NULL "
                "OR event ->> 'type' = $1) RETURNING event::text", only
            ):  # fmt: skip
                for row in rows:
                    event = CloudEvent.from_json(json.loads(row["event"]))
                    handled += 1
                    if app := apps.get(event.type):
                        headers, body = event.to_binary()
                        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f") as client:
                            answer = await client.post("/", headers=headers, content=body, timeout=60)
                        assert answer.status_code == 200, answer.text
    finally:
        await held.close()
    return handled


async def states(place: Place) -> dict[str, int]:
    """Documents by state."""
    async with place.connection() as connection:
        rows = await connection.fetch("SELECT state, count(*) AS documents FROM documents GROUP BY state")
    return {row["state"]: row["documents"] for row in rows}
