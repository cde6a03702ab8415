"""Sources over HTTP: listed, shown, deleted without a trace."""

import asyncio
import os
import time
import uuid
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.objects import IN_FLIGHT_S, Objects
from shared.settings import Settings
from tests.conftest import Api, Stack
from tests.integration.library import Kept, keep_source, traces
from tests.integration.test_keys import ask, make_key

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"


async def listed(api: Api, **parameters: Any) -> list[str]:
    """The titles of all pages of GET /sources."""
    titles: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        response = await api.client.get("/sources", params=parameters | cursor)
        assert response.status_code == 200, response.text
        answer = response.json()
        titles += [item["title"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            return titles
        cursor = {"cursor": answer["next_cursor"]}


def objects_of(stack: Stack) -> Objects:
    """The object store of the stack's functions."""
    return Objects(Settings(database_url=stack.database_url, research_kb_home=stack.home).object_store())


async def test_filters_choose_sources(api: Api, database: Pool, collection: str) -> None:
    """Each filter, alone and together with others, keeps what it names and nothing else."""
    await keep_source(
        database, collection, title="Causal diagrams", authors=["Judea Pearl"], year=1995, doi="10.1093/Biomet/82.4.669"
    )
    await keep_source(
        database, collection, title="Instruments", authors=["Joshua Angrist"], year=1996, external_id="air96"
    )
    await keep_source(database, collection, title="A causal note", year=2001, source_type="note")
    for filters, titles in (
        ({}, {"Causal diagrams", "Instruments", "A causal note"}),
        ({"title": "CAUSAL"}, {"Causal diagrams", "A causal note"}),
        ({"author": "pearl"}, {"Causal diagrams"}),
        ({"year_from": 1996}, {"Instruments", "A causal note"}),
        ({"year_from": 1996, "year_to": 1996}, {"Instruments"}),
        ({"source_type": ["note", "textbook"]}, {"A causal note"}),
        ({"doi": "https://doi.org/10.1093/BIOMET/82.4.669"}, {"Causal diagrams"}),
        ({"external_id": "air96"}, {"Instruments"}),
        ({"title": "causal", "year_to": 2000}, {"Causal diagrams"}),
        ({"title": "%"}, set()),
    ):
        assert set(await listed(api, collection=collection, **filters)) == titles, filters


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"cursor": "x"},
        {"source_type": "film"},
        {"title": "\x00"},
        {"a": 1},
    ],
)
async def test_wrong_filters_are_named(api: Api, wrong: dict[str, Any]) -> None:
    """422 as a problem document; a filter that does not exist is not ignored, since its answer would mislead."""
    response = await api.client.get("/sources", params=wrong)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_pages_meet_every_source_once(api: Api, database: Pool, collection: str) -> None:
    """Newest first; a source that comes meanwhile moves nothing."""
    for number in range(7):
        await keep_source(database, collection, title=f"{number}")
    first = (await api.client.get("/sources", params={"collection": collection, "limit": 3})).json()
    await keep_source(database, collection, title="late")
    rest = await listed(api, collection=collection, limit=3, cursor=first["next_cursor"])
    assert [item["title"] for item in first["items"]] + rest == ["6", "5", "4", "3", "2", "1", "0"]


async def test_passages_come_in_reading_order(api: Api, database: Pool, collection: str) -> None:
    """With page, section and character range, page by page."""
    kept = await keep_source(database, collection, [f"Passage {number}." for number in range(5)])
    first = (await api.client.get(f"/sources/{kept.id}/passages?limit=3")).json()
    query = {"limit": 3, "cursor": first["next_cursor"]}
    second = (await api.client.get(f"/sources/{kept.id}/passages", params=query)).json()
    passages = first["items"] + second["items"]
    assert [passage["text"] for passage in passages] == [f"Passage {number}." for number in range(5)]
    assert [passage["page_start"] for passage in passages] == [1, 2, 3, 4, 5]
    assert passages[0]["section"] == ["Methods"]
    assert (passages[0]["char_start"], passages[0]["char_end"]) == (0, 10)
    assert second["next_cursor"] is None
    assert (await api.client.get(f"/sources/{kept.id}")).json()["passages"] == 5


async def counts(database: Pool, collection: str) -> Any:
    """The statistics that BM25 keeps of a collection, and its terms."""
    row: Any = await database.fetchrow(
        "SELECT passages, total_length, (SELECT array_agg((term, document_frequency) ORDER BY term) FROM terms "
        "WHERE collection_id = c.id) AS terms FROM collections AS c WHERE name = $1",
        collection,
    )
    return row and tuple(row)


async def test_a_deleted_source_leaves_no_trace(stack: Stack, api: Api, database: Pool, collection: str) -> None:
    """No row of any table knows its ids, text or terms; its bytes are gone; the other source's counts are as before."""
    await keep_source(database, collection, ["Weak instruments bias estimates."])
    before = await counts(database, collection)
    kept = await keep_source(database, collection, ["Zyzzyva instruments.", "Quokka estimates."], title="Gone")
    objects = objects_of(stack)
    await objects.put(kept.object_key, b"bytes")
    assert (await api.client.delete(f"/sources/{kept.id}")).status_code == 204
    for path in (f"/sources/{kept.id}", f"/sources/{kept.id}/passages"):
        assert (await api.client.get(path)).status_code == 404
    assert (await api.client.delete(f"/sources/{kept.id}")).status_code == 404
    assert await counts(database, collection) == before
    folder = Path(urlsplit(objects.url).path) / "documents" / str(kept.id)
    assert not folder.exists()
    rest = await traces(database, str(kept.id), str(kept.document_id), "zyzzyva", "Zyzzyva", "quokka")
    assert set(rest) <= {"outbox"}  # source.deleted itself, until Kafka has it
    assert (
        await database.fetchval("SELECT count(*) FROM postings WHERE passage_id NOT IN (SELECT id FROM passages)") == 0
    )
    assert await database.fetchval("SELECT count(*) FROM embeddings WHERE source_id = $1", kept.id) == 0


async def test_deleting_is_announced_after_the_events_before_it_are_gone(
    api: Api, database: Pool, collection: str
) -> None:
    """Events and dead letters of the source vanish with it; source.deleted names source and collection."""
    kept = await keep_source(database, collection)
    event = {"id": "1", "source": "/test", "type": "source.indexed", "specversion": "1.0"}
    await database.execute(
        "INSERT INTO outbox (topic, partition_key, event, published_at) VALUES ('old', $1, $2, now())",
        str(kept.id),
        event,
    )
    await database.execute(
        "INSERT INTO dead_letters (topic, partition_key, event, reason, attempts) VALUES ('old', $1, $2, 'test', 1)",
        str(kept.id),
        event,
    )
    async with database.acquire() as connection:
        heard: asyncio.Queue[str] = asyncio.Queue()
        await connection.add_listener("outbox", lambda *said: heard.put_nowait(said[3]))
        assert (await api.client.delete(f"/sources/{kept.id}")).status_code == 204
        async with asyncio.timeout(5):
            await heard.get()
        await connection.reset()
    left = await database.fetch("SELECT topic, event FROM outbox WHERE partition_key = $1", str(kept.id))
    assert all(row["event"]["type"] == "source.deleted" for row in left)
    assert all(row["event"]["data"] == {"source_id": str(kept.id), "collection": collection} for row in left)
    assert await database.fetchval("SELECT count(*) FROM dead_letters WHERE partition_key = $1", str(kept.id)) == 0


async def test_bytes_left_behind_go_with_the_second_delete(stack: Stack, api: Api) -> None:
    """Where the object store failed after the rows were gone, an administrator's DELETE finishes the work.

    Young bytes may belong to a submission on its way: they stay.
    """
    source_id = uuid.uuid4()
    objects = objects_of(stack)
    await objects.put(f"documents/{source_id}/left", b"bytes")
    assert (await api.client.delete(f"/sources/{source_id}")).status_code == 404
    long_ago = time.time() - 2 * IN_FLIGHT_S
    os.utime(Path(urlsplit(objects.url).path) / "documents" / str(source_id) / "left", (long_ago, long_ago))
    assert (await api.client.delete(f"/sources/{source_id}")).status_code == 204
    assert (await api.client.delete(f"/sources/{source_id}")).status_code == 404


async def keep_foreign_and_own(database: Pool, collection: str, key: dict[str, Any]) -> tuple[Kept, Kept]:
    """Two sources of a collection, of which `key` has put in the second."""
    foreign = await keep_source(database, collection)
    return foreign, await keep_source(database, collection, submitted_by=uuid.UUID(key["id"]))


async def test_ingest_deletes_its_own_and_admin_all(api: Api, database: Pool, collection: str) -> None:
    """403 for what another key has put in, also for a collection that holds such a source."""
    key = await make_key(api, scopes=["ingest"])
    foreign, own = await keep_foreign_and_own(database, collection, key)
    assert (await ask(api, key, f"/sources/{foreign.id}", "DELETE")).status_code == 403
    assert (await ask(api, key, f"/collections/{collection}", "DELETE")).status_code == 403
    assert (await ask(api, key, f"/sources/{own.id}", "DELETE")).status_code == 204
    reader = await make_key(api, scopes=["read"])
    assert (await ask(api, reader, f"/sources/{foreign.id}", "DELETE")).status_code == 403
    assert (await api.client.delete(f"/sources/{foreign.id}")).status_code == 204
    own_only = await keep_source(database, collection, submitted_by=uuid.UUID(key["id"]))
    assert (await ask(api, key, f"/collections/{collection}", "DELETE")).status_code == 204
    assert (await api.client.get(f"/sources/{own_only.id}")).status_code == 404


async def test_a_limited_key_sees_no_other_collection(api: Api, database: Pool, collection: str) -> None:
    """404, as if there were nothing: lists, one source, passages, statistics, deletes."""
    seen = await keep_source(database, f"{collection}-a", title="seen")
    hidden = await keep_source(database, f"{collection}-b", title="hidden")
    key = await make_key(api, scopes=["read", "admin"], collections=[f"{collection}-a"])
    answer = (await ask(api, key, "/sources")).json()
    assert [item["title"] for item in answer["items"]] == ["seen"]
    assert (await ask(api, key, f"/sources?collection={collection}-b")).json()["items"] == []
    assert (await ask(api, key, f"/sources/{seen.id}")).status_code == 200
    for method, path in (
        ("GET", f"/sources/{hidden.id}"),
        ("GET", f"/sources/{hidden.id}/passages"),
        ("DELETE", f"/sources/{hidden.id}"),
        ("DELETE", f"/collections/{collection}-b"),
    ):
        assert (await ask(api, key, path, method)).status_code == 404, path
    assert (await ask(api, key, "/stats")).json()["sources"] == 1
    assert (await ask(api, key, f"/stats?collection={collection}-b")).json()["sources"] == 0
    assert (await api.client.get(f"/sources/{hidden.id}")).status_code == 200


async def test_a_collection_goes_with_everything_in_it(api: Api, database: Pool, collection: str) -> None:
    """Sources, passages, terms and the row; what has the same words elsewhere stays; then it is unknown."""
    for number in range(5):
        await keep_source(database, collection, [f"Quagga number {number}."])
    await keep_source(database, f"{collection}-other", ["Quagga."])
    other = await counts(database, f"{collection}-other")
    assert (await api.client.delete(f"/collections/{collection}")).status_code == 204
    assert await counts(database, collection) is None
    assert await listed(api, collection=collection) == []
    assert await counts(database, f"{collection}-other") == other
    assert (await api.client.delete(f"/collections/{collection}")).status_code == 404


async def test_deletes_at_once_do_not_meet(api: Api, database: Pool, collection: str) -> None:
    """Sources of one collection share terms: deleting them at the same time neither deadlocks nor miscounts."""
    kept = [await keep_source(database, collection, ["Shared words everywhere."]) for _ in range(8)]
    responses = await asyncio.gather(*(api.client.delete(f"/sources/{source.id}") for source in kept))
    assert [response.status_code for response in responses] == [204] * 8
    assert await counts(database, collection) == (0, 0, None)
