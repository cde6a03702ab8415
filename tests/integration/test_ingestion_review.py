"""Races, crashes and odd input on the way of a document: nothing is lost, doubled, stuck, or answered with a 500."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio

from events import dead_letters
from events.cloudevents import CloudEvent
from events.processed import claim
from events.topics import DOCUMENT_SUBMITTED, DOCUMENTS_TOPIC, PASSAGES_EXTRACTED
from functions.extract import storage
from shared.cursor import encode_cursor
from shared.database import load_sql
from shared.documents import Bibliography, Submission, accept, register
from shared.lexical import remove_document
from shared.resources import Resources
from shared.settings import Settings
from tests.conftest import Api, Stack
from tests.integration.library import keep_source

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"


@pytest_asyncio.fixture(loop_scope="session")
async def held(stack: Stack) -> AsyncIterator[Resources]:
    """Connections of another replica of the functions."""
    resources = Resources(
        Settings(research_kb_home=stack.home, database_url=stack.database_url, triton_url=stack.triton_url)
    )
    yield resources
    await resources.close()


def make_submission(collection: str, text: str, external_id: str = "one") -> Submission:
    """Return a document as ingest would make it."""
    said = Bibliography(collection=collection, external_id=external_id)
    return Submission(text.encode(), "text/plain", said)


async def deliver(stack: Stack, function: str, event: CloudEvent) -> str:
    """POST an event to a function; return what it says has become of it."""
    headers, body = event.to_binary()
    async with httpx.AsyncClient(timeout=60) as client:
        response = await client.post(f"{stack.internal_url}/{function}", headers=headers, content=body)
    assert response.status_code == 200, response.text
    status: str = response.json()["status"]
    return status


def make_event(event_type: str, data: dict[str, Any]) -> CloudEvent:
    """Return an event with a key of its own."""
    return CloudEvent.new(type=event_type, source="/tests", data=data, partitionkey=str(uuid.uuid4()))


def folder_of(held: Resources, source_id: Any) -> Path:
    """Return the folder of a source's objects."""
    return Path(urlsplit(held.objects.url).path) / "documents" / str(source_id)


@pytest.mark.parametrize(
    "said",
    [
        '"metadata": {"a": "x\\u0000y"}',
        '"metadata": {"x\\u0000y": 1}',
        '"authors": ["x\\u0000y"]',
        '"metadata": {"a": 123456789012345678901234567890}',
        '"metadata": {"a": NaN}',
        '"metadata": {"a": 1e999}',
        '"metadata": {"a": ' + "[" * 100 + "]" * 100 + "}",
    ],
)
async def test_what_cannot_be_kept_is_refused(api: Api, collection: str, said: str) -> None:
    """NUL in nested values, numbers beyond 64 bits and endless nesting are answered 422, alone and in a line."""
    body = f'{{"text": "x", "collection": "{collection}", {said}}}'
    alone = await api.client.post("/documents", content=body, headers={"Content-Type": "application/json"})
    assert alone.status_code == 422, alone.text
    lines = await api.client.post("/documents", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert [item["problem"]["status"] for item in lines.json()["items"]] == [422]


async def test_metadata_of_a_form_is_held_to_the_same(api: Api, collection: str) -> None:
    """The form field metadata is parsed by another library and refused for the same reasons."""
    for metadata in ('{"a": "\\u0000"}', '{"a":' * 400 + "1" + "}" * 400):
        data = {"collection": collection, "metadata": metadata}
        response = await api.client.post("/documents", files={"file": ("a.txt", b"text")}, data=data)
        assert response.status_code == 422, response.text


async def test_odd_names_of_files_and_authors_are_no_error(api: Api, collection: str) -> None:
    """Control characters in a part's headers are dropped; an author's name may be long and beyond compression."""
    author = "".join(uuid.uuid4().hex for _ in range(200))
    status = await api.index(text="Long.", authors=[author], collection=collection)
    assert (await api.client.get(f"/sources/{status['source_id']}")).json()["authors"] == [author]
    body = (
        b'--b\r\nContent-Disposition: form-data; name="collection"\r\n\r\n' + collection.encode() + b"\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\x00b.txt"\r\n'
        b"Content-Type: text/pl\x00ain\r\n\r\nSome words.\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await api.client.post("/documents", content=body, headers=headers)
    assert response.status_code in {202, 400}, response.text


async def test_odd_queries_are_refused(api: Api) -> None:
    """A collection with NUL and a cursor at the end of time are answered 422."""
    assert (await api.client.get("/documents?collection=%00")).status_code == 422
    for moment in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        cursor = encode_cursor("documents", moment, str(uuid.uuid4()))
        assert (await api.client.get("/documents", params={"cursor": cursor})).status_code == 422


async def test_a_body_over_the_limit_without_a_length_is_413(api: Api) -> None:
    """A body that grows over the limit while it streams is called too large, not malformed."""

    async def body() -> AsyncIterator[bytes]:
        yield b'{"query": "'
        for _ in range(40):
            yield b"x" * 2**16
        yield b'"}'

    response = await api.client.post("/search", content=body(), headers={"Content-Type": "application/json"})
    assert response.status_code == 413, response.text


async def test_a_document_twice_in_one_request_is_stored_once(api: Api, held: Resources, collection: str) -> None:
    """The second of two equal lines is a duplicate and leaves no bytes behind."""
    line = json.dumps({"text": "Twins.", "collection": collection})
    headers = {"Content-Type": "application/x-ndjson"}
    response = await api.client.post("/documents", content=f"{line}\n{line}\n", headers=headers)
    first, second = response.json()["items"]
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["id"] == second["id"]
    assert [path.name for path in folder_of(held, first["source_id"]).iterdir()] == [first["id"]]


async def blocked(database: Pool, work: Callable[[], Awaitable[Any]]) -> "asyncio.Task[Any]":
    """Start `work` and return it when it waits for a lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    task = asyncio.ensure_future(work())
    async with asyncio.timeout(10):
        while not await database.fetchval(waiting):  # noqa: ASYNC110 -- another process decides
            await asyncio.sleep(0.02)
    return task


@pytest.mark.parametrize("text", ["The same words.", "Other words."])
async def test_submitting_what_is_being_deleted_is_not_lost(
    api: Api, database: Pool, held: Resources, collection: str, text: str
) -> None:
    """A submission that waits for a delete of its source, equal or not, becomes a source again, bytes and all."""
    [old] = await accept(held, [make_submission(collection, "The same words.")])
    await api.settled(str(old.document_id))
    async with database.acquire() as deleting:
        transaction = deleting.transaction()
        await transaction.start()
        await deleting.execute("SELECT FROM sources WHERE id = $1 FOR UPDATE", old.source_id)
        task = await blocked(database, lambda: accept(held, [make_submission(collection, text)]))
        number = await deleting.fetchval("SELECT collection_id FROM sources WHERE id = $1", old.source_id)
        await remove_document(deleting, number, old.document_id)
        await deleting.execute("DELETE FROM sources WHERE id = $1", old.source_id)
        await transaction.commit()
    [new] = await task
    assert new.source_id == old.source_id
    assert not new.duplicate
    assert (folder_of(held, new.source_id) / str(new.document_id)).read_bytes() == text.encode()
    assert (await api.settled(str(new.document_id)))["state"] == "indexed"


async def test_a_delete_spares_the_bytes_of_the_next_submission(
    api: Api, database: Pool, held: Resources, collection: str
) -> None:
    """Bytes stored by a submission that waits for the delete to commit are still there afterwards."""
    kept = await keep_source(database, collection)
    await held.objects.put(kept.object_key, b"old")
    await held.objects.put(f"documents/{kept.id}/next", b"new")
    assert (await api.client.delete(f"/sources/{kept.id}")).status_code == 204
    assert [path.name for path in folder_of(held, kept.id).iterdir()] == ["next"]


async def test_a_lock_tells_the_state_after_the_wait(database: Pool, held: Resources, collection: str) -> None:
    """Two extractions of one document: the one that waited sees that the other one has stored its passages."""
    [document] = [make_submission(collection, "Once.")]
    async with database.acquire() as connection, connection.transaction():
        await register(connection, [document], announce=False)
    query = load_sql(storage.__file__, "lock_document")
    async with database.acquire() as first:
        transaction = first.transaction()
        await transaction.start()
        assert await first.fetchval(query, document.document_id, column=1) == "queued"
        pool = await held.pool()
        task = await blocked(database, lambda: pool.fetchval(query, document.document_id, column=1))
        await first.execute("UPDATE documents SET state = 'embedding' WHERE id = $1", document.document_id)
        await transaction.commit()
    assert await task == "embedding"


async def test_a_replay_works_though_a_late_attempt_has_claimed_the_event(
    stack: Stack, api: Api, database: Pool, held: Resources, collection: str
) -> None:
    """An attempt that outlives its event's last retry finds the document failed; the replay then does the work."""
    document = make_submission(collection, "Second wind.")
    ids = {"document_id": str(document.document_id), "source_id": str(document.source_id)}
    event = make_event(DOCUMENT_SUBMITTED, ids)
    await held.objects.put(document.object_key, document.body)
    async with database.acquire() as connection, connection.transaction():
        await register(connection, [document], announce=False)
        assert await claim(connection, "extract", event)
        letter = await dead_letters.store(connection, event, DOCUMENTS_TOPIC, "HTTP 503", 9)
    assert letter is not None
    assert (await api.settled(ids["document_id"]))["state"] == "failed"
    assert (await api.client.post(f"/dead-letters/{letter}/replay")).status_code == 202
    assert (await api.settled(ids["document_id"]))["state"] == "indexed"
    again = make_event(PASSAGES_EXTRACTED, ids | {"first_ordinal": 0, "last_ordinal": 0})
    await database.execute("UPDATE documents SET state = 'failed' WHERE id = $1", document.document_id)
    await deliver(stack, "embed", again)
    assert (await api.settled(ids["document_id"]))["state"] == "indexed"


async def test_a_late_dead_letter_fails_no_document_that_went_on(database: Pool, collection: str) -> None:
    """Where only the answer got lost, the document has left the state in which it waits for that event."""
    document = make_submission(collection, "Went on.")
    ids = {"document_id": str(document.document_id), "source_id": str(document.source_id)}
    async with database.acquire() as connection, connection.transaction():
        await register(connection, [document], announce=False)
        await connection.execute("UPDATE documents SET state = 'embedding' WHERE id = $1", document.document_id)
        submitted = make_event(DOCUMENT_SUBMITTED, ids)
        assert await dead_letters.store(connection, submitted, DOCUMENTS_TOPIC, "no answer", 9)
        state = "SELECT state FROM documents WHERE id = $1"
        assert await connection.fetchval(state, document.document_id) == "embedding"


async def test_a_document_waits_again_when_all_its_events_were_replayed(database: Pool, collection: str) -> None:
    """Of two dead letters of one document the first replayed leaves it failed, the second revives it."""
    document = make_submission(collection, "Twice dead.")
    ids = {"document_id": str(document.document_id), "source_id": str(document.source_id)}
    state = "SELECT state FROM documents WHERE id = $1"
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await register(connection, [document], announce=False)
        values = "state = 'embedding', passages_total = 2"
        await connection.execute(f"UPDATE documents SET {values} WHERE id = $1", document.document_id)
        letters = []
        for ordinal in (0, 1):
            data = ids | {"first_ordinal": ordinal, "last_ordinal": ordinal}
            event = CloudEvent.new(
                type=PASSAGES_EXTRACTED, source="/tests", data=data, partitionkey=ids["source_id"]
            )  # fmt: skip
            letters.append(await dead_letters.store(connection, event, "research-kb.passages", "HTTP 503", 9))
        seen = []
        for letter in letters:
            assert letter is not None
            await dead_letters.replay(connection, letter)
            seen.append(await connection.fetchval(state, document.document_id))
        await transaction.rollback()
    assert seen == ["failed", "embedding"]


async def test_an_outside_event_is_taken_in_once_even_when_its_document_failed(
    stack: Stack, api: Api, collection: str
) -> None:
    """Redelivered after its document failed, or after a newer version, it adds no version."""
    common = {"collection": collection, "external_id": "report"}
    bad = make_event(DOCUMENT_SUBMITTED, common | {"text": "   "})
    good = make_event(DOCUMENT_SUBMITTED, common | {"text": "A newer report."})

    async def listed() -> list[str]:
        items = (await api.client.get("/documents", params={"collection": collection})).json()["items"]
        return [(await api.settled(item["id"]))["state"] for item in items]

    assert await deliver(stack, "extract", bad) == "done"
    assert await listed() == ["failed"]
    assert await deliver(stack, "extract", bad) == "duplicate"
    assert await deliver(stack, "extract", good) == "done"
    assert await listed() == ["indexed", "failed"]
    assert await deliver(stack, "extract", bad) == "duplicate"
    assert await listed() == ["indexed", "failed"]


async def test_replaced_versions_are_swept_with_their_bytes(
    stack: Stack, api: Api, database: Pool, held: Resources, collection: str
) -> None:
    """Superseded and failed versions before a newer one go, bytes first; the version that answers stays."""
    receipts = [
        (await accept(held, [make_submission(collection, text)]))[0] for text in ("   ", "An older one.", "Newest.")
    ]
    for receipt in receipts:
        await api.settled(str(receipt.document_id))
    old, newest = receipts[:2], receipts[2]
    await held.objects.put(f"documents/{newest.source_id}/{old[0].document_id}", b"left by a crash")
    await database.execute(
        "UPDATE documents SET updated_at = now() - interval '30 days', "
        "state = CASE WHEN id = $2 THEN state WHEN state = 'indexed' THEN 'superseded' ELSE state END "
        "WHERE source_id = $1",
        newest.source_id,
        newest.document_id,
    )
    async with httpx.AsyncClient(timeout=60) as client:
        swept = (await client.post(f"{stack.internal_url}/refresh/sweep")).json()["swept"]
    assert swept["sweep_superseded"] >= 2
    left = await database.fetch("SELECT id FROM documents WHERE source_id = $1", newest.source_id)
    assert [row["id"] for row in left] == [newest.document_id]
    assert [path.name for path in folder_of(held, newest.source_id).iterdir()] == [str(newest.document_id)]
    assert (await api.search("newest", collection=collection))["hits"]
