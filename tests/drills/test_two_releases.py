"""An upgrade without an outage: the release before works on while the database is migrated and beside the new one."""

import asyncio
import io
import json
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.database import open_pool
from tests.conftest import ROOT, Api, Stack
from tests.drills.deployment import Place, Release, until

pytestmark = pytest.mark.stack

BEFORE = "6f58c16"
"""The release before migrations 0006 and later: the commit that the first release was made of."""


@pytest.fixture(scope="module")
def old_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release before in a folder of its own; skips where the history does not go back that far."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("the release before cannot be fetched: git is not installed")
    archive = subprocess.run([git, "archive", BEFORE], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip(f"the history does not hold {BEFORE} (no repository, or a shallow clone)")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


class Traffic:
    """What people do, over and over, through two clients; whatever is not as it should be is kept."""

    def __init__(self) -> None:
        self.wrong: list[Any] = []
        self.rounds = 0
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._stop.set()

    async def run(self, here: Api, there: Api) -> None:
        """Work through `here` and look at it through `there`, round after round."""
        while not self._stop.is_set():
            try:
                await self._round(here, there)
            except (AssertionError, httpx.HTTPError) as exc:
                self.wrong.append(repr(exc)[:500])
            self.rounds += 1

    async def _round(self, here: Api, there: Api) -> None:
        word = f"w{uuid.uuid4().hex[:10]}"
        text = f"The estimator {word} is unbiased under randomisation."
        # In a collection of its own: a document of another round that is under way would make the answer degraded.
        status = await here.settled((await here.submit(title=word, text=text, collection=word))["id"])
        assert status["state"] == "indexed", status
        for api in (there, here):
            answer = await api.search(f"{word} randomised", collection=word)
            assert answer["degraded"] == [], answer
            assert answer["hits"][0]["source"]["title"] == word, answer
        await self._use_a_key(here, there)
        for path in ("/health", "/stats", "/usage", "/documents", "/dead-letters"):
            await _expect(here, "GET", path, 200)
        await _expect(there, "DELETE", f"/collections/{word}", 204)
        await _expect(here, "GET", f"/sources/{status['source_id']}", 404)

    async def _use_a_key(self, here: Api, there: Api) -> None:
        """A key made through one release opens the other until it is revoked, and both take from one budget."""
        limits = {"per_hour": 3, "concurrent": 2}
        body = {"name": "drill", "tier": "free", "scopes": ["search", "read"], "limits": limits}
        key = (await _expect(here, "POST", "/keys", 201, json=body)).json()
        own = {"Authorization": f"Bearer {key['key']}"}
        left = [(await _expect(api, "GET", "/sources", 200, headers=own)).headers["ratelimit"] for api in (there, here)]
        assert [value.split(";")[1] for value in left] == ["r=2", "r=1"], left
        await _expect(there, "DELETE", f"/keys/{key['id']}", 204)
        await _expect(here, "GET", "/sources", 401, headers=own)


async def _expect(api: Api, method: str, path: str, status: int, **options: Any) -> httpx.Response:
    response = await api.client.request(method, path, **options)
    assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text[:300]}"
    return response


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def place(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A database and topics that nobody else uses."""
    found = Place(stack, tmp_path_factory.mktemp("releases"))
    await found.create()
    yield found
    await found.drop()


async def test_the_release_before_works_on(place: Place, old_checkout: Path) -> None:
    """Migrated under its traffic, then with the new release at its side and both at work on each other's: no error."""
    old, new = place.release(old_checkout), place.release()
    key_file = place.home / "key"
    try:
        old.run("shared.migrate")
        old.start()
        old.run("shared.serving")
        old.run("functions.keys.bootstrap", "--output", str(key_file))
        await old.ready()
        await _drill(old, new, key_file.read_text().strip())
    finally:
        old.end()
        new.end()
    assert _errors(place.logs) == []


async def _drill(old: Release, new: Release, key: str) -> None:
    alone, beside = Traffic(), Traffic()
    database = await open_pool(old.place.database_url, 2, 60)
    async with old.api(key) as before, new.api(key) as after, asyncio.TaskGroup() as group:
        group.create_task(alone.run(before, before))
        await until(lambda: _reached(alone, 1))
        migrated = await asyncio.to_thread(new.run, "shared.migrate")
        assert "0008_models" in migrated
        new.start()
        await new.ready()
        group.create_task(beside.run(after, before))
        group.create_task(beside.run(before, after))
        rounds = alone.rounds
        await until(lambda: _reached(beside, 6))
        await until(lambda: _reached(alone, rounds + 2))
        alone.stop()
        beside.stop()
    dead = await database.fetch("SELECT reason FROM dead_letters")
    await database.close()
    print(f"rounds: {alone.rounds} of the old release alone, {beside.rounds} across both")
    assert not alone.wrong + beside.wrong, (alone.wrong + beside.wrong)[:3]
    assert not dead, [row["reason"] for row in dead]


async def _reached(traffic: Traffic, rounds: int) -> bool:
    return traffic.rounds >= rounds or bool(traffic.wrong)


def _errors(logs: Path) -> list[str]:
    """Return what the processes logged as errors, tracebacks included; Kafka's clients complain while groups form."""
    found = []
    for line in (line for log in sorted(logs.iterdir()) for line in log.read_text().splitlines()):
        if line.startswith("Traceback"):
            found.append(line)
        elif line.startswith("{"):
            entry = json.loads(line)
            if entry.get("level") == "error" and not str(entry.get("logger", "")).startswith("aiokafka"):
                found.append(line)
    return found
