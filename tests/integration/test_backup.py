"""Backup and restore on real databases and object stores: a drill, what was under way, and backups gone bad."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

import functions.search.main
from cli.backup.restoring import check_backup
from events.topics import DOCUMENT_SUBMITTED
from functions.keys.keyring import create_key
from functions.keys.models import NewKey
from functions.search.settings import SearchSettings
from shared.database import open_pool
from shared.migrate import migrate
from shared.objects import Objects
from shared.resources import Resources
from tests.conftest import ROOT, Stack
from tests.integration.backup_rig import (
    SILENT,
    Place,
    back_up,
    deliver_all,
    refusal,
    restore,
    run,
    states,
    submit,
)

pytestmark = pytest.mark.stack


async def make_key(place: Place) -> str:
    """Return a new key that may search."""
    pool = await open_pool(place.database_url, 1, 60)
    try:
        return (await create_key(pool, NewKey(name="drill", tier="premium", scopes=["search"]))).key
    finally:
        await pool.close()


async def ask(place: Place, key: str, questions: list[str], **more: Any) -> list[Any]:
    """Search in `place` with a key, by a search function of its own; return hits with everything but durations."""
    settings = SearchSettings(**place.arguments())
    held = Resources(settings)
    app = functions.search.main.create_app(settings, held)
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://f", timeout=60) as client:
            return [await search(client, key, question, **more) for question in questions]
    finally:
        await app.state.door.close()
        await held.close()


async def search(client: httpx.AsyncClient, key: str, question: str, **more: Any) -> Any:
    """The hits of one question."""
    asked = {"query": question, "limit": 10, "explain": True, **more}
    answer = await client.post("/search", json=asked, headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    return {name: answer.json()[name] for name in ("hits", "degraded", "index_version")}


async def test_a_restored_system_answers_alike(places: Any, tmp_path: Path) -> None:
    """The drill: back up, restore elsewhere, ask with the same key: same hits, scores and version.

    Then the restored place is spoilt and restored again with --replace, which takes away what the backup lacks.
    """
    live = await places()
    await migrate(live.database_url)
    await submit(live, *(path.read_text() for path in sorted((ROOT / "sample").rglob("*.md"))[:12]))
    await deliver_all(live)
    key = await make_key(live)
    questions = ["weak instruments", "How do I check the parallel trends assumption?", "quantile treatment effects"]
    backup = tmp_path / "backup"
    before = await ask(live, key, questions)
    assert all(answer["hits"] for answer in before)
    code, made = await run(live, "backup", backup)
    assert (code, made["objects"]) == (0, made["rows"]["documents"])
    assert backup.stat().st_mode & 0o077 == 0

    other = await places()
    code, restored = await run(other, "restore", backup)
    assert (code, restored["rows"], restored["objects"]) == (0, made["rows"], made["objects"])
    after = await ask(other, key, questions)
    assert after == before

    async with other.connection() as connection:
        await connection.execute("UPDATE passages SET text = 'spoilt'; DELETE FROM api_keys")
        await connection.execute("CREATE TABLE later (source uuid REFERENCES sources)")
    await Objects(other.object_store_url).put("documents/stray/one", b"not in the backup")
    code, refused = await run(other, "restore", backup)
    assert (code, refused["title"]) == (1, "The database is not empty")
    code, again = await run(other, "restore", backup, "--replace")
    assert (code, again["objects_removed"]) == (0, 1)
    assert await ask(other, key, questions) == before


async def test_what_was_under_way_is_finished_after_the_restore(places: Any, tmp_path: Path, stack: Stack) -> None:
    """Documents accepted, announced, extracted or half embedded when the backup is made are indexed afterwards.

    Their events were in a Kafka that the restored system does not have.
    """
    place, other = await places(), await places()
    await migrate(place.database_url)
    await submit(place, "Done before. Anchors hold ships.", "Also done. Keels steady boats.")
    await deliver_all(place)
    await submit(place, "Extracted. Rudders steer.", "Long. " + "Sails catch the wind and move the boat. " * 600)
    await deliver_all(place, only=DOCUMENT_SUBMITTED)
    await submit(place, "Announced. Oars row.")
    async with place.connection() as connection:
        await connection.execute("UPDATE outbox SET published_at = now()")  # as a relay whose Kafka is lost
    await submit(place, "Waiting. Masts stand.")
    assert await states(place) == {"indexed": 2, "embedding": 2, "queued": 2}

    await back_up(place, tmp_path / "backup")
    assert (await restore(other, tmp_path / "backup")).resumed == 4
    await deliver_all(other)
    assert await states(other) == {"indexed": 6}
    assert (await run(place, "resume"))[1] == {"unfinished_documents": 4}
    await deliver_all(place)
    assert await states(place) == {"indexed": 6}
    async with other.connection() as connection:
        without = "SELECT count(*) FROM passages AS p WHERE NOT EXISTS (SELECT FROM embeddings WHERE passage_id = p.id)"
        assert await connection.fetchval(without) == 0


async def test_a_backup_made_during_ingestion_is_whole(places: Any, tmp_path: Path) -> None:
    """Every document that was accepted before the backup began is in it, with its bytes."""
    place, other = await places(), await places()
    await migrate(place.database_url)
    await submit(place, *(f"Before. Number {number}." for number in range(20)))
    stop = asyncio.Event()

    async def go_on() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await submit(place, f"Meanwhile. Number {number}.")

    going = asyncio.create_task(go_on())
    made = await back_up(place, tmp_path / "backup")
    stop.set()
    await going
    assert made.rows["documents"] == made.objects >= 20
    await restore(other, tmp_path / "backup")
    async with other.connection() as connection:
        keys = [row["object_key"] for row in await connection.fetch("SELECT object_key FROM documents")]
    assert set(keys) == await Objects(other.object_store_url).keys("documents/")


@pytest_asyncio.fixture(loop_scope="session")
async def small(places: Any, tmp_path: Path) -> AsyncIterator[tuple[Place, Path]]:
    """A backup of two documents, and an empty place to restore it to."""
    place = await places()
    await migrate(place.database_url)
    await submit(place, "One.", "Two.")
    await back_up(place, tmp_path / "small")
    yield await places(), tmp_path / "small"


@contextmanager
def changed(path: Path, content: bytes | None) -> Iterator[None]:
    """Change a file, or take it away, for a while."""
    kept = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(kept)


async def test_a_backup_gone_bad_is_refused_and_nothing_is_changed(small: tuple[Place, Path]) -> None:
    """A corrupt, missing or longer object, a cut-off dump, a listing or manifest that is not what was written."""
    other, backup = small
    manifest = json.loads((backup / "manifest.json").read_text())
    dump = (backup / "database.dump").read_bytes()
    listing = (backup / "objects.jsonl").read_bytes()
    one = next(path for path in (backup / "objects").rglob("*") if path.is_file())
    escaping = b'{"key": "../../escaped", "size_bytes": 4, "sha256": "' + b"0" * 64 + b'"}\n'
    strange = json.dumps(manifest | {"format": 2}).encode()
    newer = json.dumps(manifest | {"migrations": [*manifest["migrations"], "9999_later"]}).encode()
    cases = [
        (one, b"One?", "The backup is damaged", "SHA-256"),
        (one, one.read_bytes() + b"x", "The backup is damaged", "bytes"),
        (one, None, "The backup is damaged", "missing"),
        (backup / "database.dump", dump[: len(dump) // 2], "The backup is damaged", "bytes"),
        (backup / "database.dump", dump[:-1] + b"x", "The backup is damaged", "SHA-256"),
        (backup / "objects.jsonl", listing.splitlines(keepends=True)[0], "The backup is damaged", "bytes"),
        (backup / "objects.jsonl", escaping, "The backup is damaged", "bytes"),
        (backup / "manifest.json", None, "The backup is incomplete", "no manifest.json"),
        (backup / "manifest.json", b"{", "The backup's manifest cannot be read", "manifest.json"),
        (backup / "manifest.json", strange, "The backup has another format", "format 2"),
        (backup / "manifest.json", newer, "The backup is of a newer release", "9999_later"),
    ]
    for path, content, title, detail in cases:
        with changed(path, content):
            refused = await refusal(restore(other, backup))
        assert (refused.title, detail in refused.detail) == (title, True), refused
    async with other.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('public.documents')") is None
    assert await Objects(other.object_store_url).keys("documents/") == set()
    assert (await check_backup(backup, SILENT)).objects == 2


async def test_a_dump_that_fails_half_way_leaves_the_database_as_it_was(small: tuple[Place, Path]) -> None:
    """Even one with a fitting checksum: the old rows are still there, and what went wrong is said."""
    other, backup = small
    await migrate(other.database_url)
    await submit(other, "Of before.")
    dump = (backup / "database.dump").read_bytes()
    cut = dump[: len(dump) * 3 // 4]
    (backup / "database.dump").write_bytes(cut)
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["database"] |= {"size_bytes": len(cut), "sha256": hashlib.sha256(cut).hexdigest()}
    (backup / "manifest.json").write_text(json.dumps(manifest))
    assert (await refusal(restore(other, backup, replace=True))).title == "pg_restore failed"
    assert await states(other) == {"queued": 1}


async def test_places_that_do_not_fit_are_refused(small: tuple[Place, Path], places: Any, tmp_path: Path) -> None:
    """No such backup, no backup at all, a folder in use, a database away, empty, of somebody else, lost objects."""
    other, backup = small
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "one.pdf").write_bytes(b"%PDF")
    away = Place("postgresql://nobody:hidden@127.0.0.1:1/none", other.object_store_url, "", other.home)
    foreign = await places()
    async with foreign.connection() as connection:
        await connection.execute("CREATE TABLE invoices (id int)")
    await migrate(other.database_url)
    await submit(other, "Of before.")
    cases: list[tuple[Coroutine[Any, Any, Any], str]] = [
        (restore(other, tmp_path / "nowhere"), "There is no such backup"),
        (restore(other, tmp_path / "papers"), "There is no backup"),
        (restore(other, backup), "The database is not empty"),
        (restore(foreign, backup, replace=True), "The database belongs to something else"),
        (back_up(away, tmp_path / "new"), "The database does not answer"),
        (back_up(foreign, tmp_path / "new"), "There is nothing to back up"),
        (back_up(other, backup), "The folder holds a backup"),
        (back_up(other, tmp_path / "papers"), "The folder is not empty"),
    ]
    for work, title in cases:
        assert (await refusal(work)).title == title
    for key in await Objects(other.object_store_url).keys("documents/"):
        await Objects(other.object_store_url).delete(key)
    assert (await refusal(back_up(other, tmp_path / "lost"))).title == "1 objects are missing in the object store"
    assert (await refusal(restore(other, tmp_path / "lost"))).title == "The backup is incomplete"
    await submit(other, "Of before.", "Later.")
    async with other.connection() as connection:
        await connection.execute("DELETE FROM documents WHERE state = 'queued' AND version = 1")
    assert (await back_up(other, tmp_path / "lost")).objects == 1  # the interrupted one is replaced
