"""The embedding model changed while searches are answered: embed beside, switch, go back, remove."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from functions.search.main import create_app
from functions.search.settings import SearchSettings
from shared.database import open_pool
from tests.conftest import Api, Stack
from tests.drills.deployment import Place, Release, until
from tests.drills.second_model import NAME as SECOND
from tests.drills.second_model import SecondServer
from tests.integration.library import keep_source

pytestmark = pytest.mark.stack

FIRST = "all-MiniLM-L6-v2"
TEXTS = {
    "instruments": "Instrumental variables identify effects where a treatment is confounded.",
    "bananas": "Bananas ripen quickly in a warm kitchen.",
    "bootstrap": "The bootstrap resamples the data to estimate a standard error.",
    "moon": "The moon is covered in dust and craters.",
    "matching": "Matching compares treated units with similar untreated ones.",
}
QUESTIONS = {
    "instruments": "How do I estimate an effect with an instrument?",
    "bananas": "What happens to fruit at home?",
    "bootstrap": "Resampling for standard errors",
}
STORED = 320
"""Passages that were there before: several events' work for the second model."""
NOISE = 0.03
"""Of a similarity: queries are embedded in int8 by two builds of one model."""


@dataclass
class System:
    """A deployment with two model servers."""

    place: Place
    release: Release
    second: SecondServer
    api: Api
    database: "asyncpg.Pool[Any]"

    async def vectors(self) -> dict[str, int]:
        """Return the number of vectors by model."""
        rows = await self.database.fetch(
            "SELECT m.name, count(e.passage_id) AS n FROM models m "
            "LEFT JOIN embeddings e ON e.model_id = m.id GROUP BY m.name"
        )
        return {row["name"]: row["n"] for row in rows}

    async def model(self, name: str) -> dict[str, Any]:
        """Return one model as GET /models has it."""
        answer = await self.api.client.get("/models")
        assert answer.status_code == 200, answer.text
        [found] = [each for each in answer.json()["items"] if each["name"] == name]
        return dict(found)

    async def is_ready(self, name: str) -> bool:
        """Tell whether a model could take over."""
        return bool((await self.model(name))["state"] == "ready")

    async def activate(self, name: str, **options: Any) -> httpx.Response:
        """POST /models/activate."""
        return await self.api.client.post("/models/activate", json={"model": name, **options})


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A library embedded with the first model, and the second one's server beside it."""
    place = Place(stack, tmp_path_factory.mktemp("models"))
    await place.create()
    second = await asyncio.to_thread(SecondServer, place, tmp_path_factory.mktemp("second"))
    release = place.release(
        NEXT_TRITON_URL=second.url, NEXT_EMBEDDER_MODEL=SECOND, TRITON_TIMEOUT_S="10", BRIDGE_BACKOFF_CAP_S="1"
    )
    try:
        release.run("shared.migrate")
        release.start()
        release.run("shared.serving")
        key_file = place.home / "key"
        release.run("functions.keys.bootstrap", "--output", str(key_file))
        await asyncio.gather(second.ready(), release.ready())
        database = await open_pool(place.database_url, 3, 60)
        async with release.api(key_file.read_text().strip()) as api:
            await keep_source(database, "stored", [f"Stored passage number {n}." for n in range(STORED)])
            for name, text in TEXTS.items():
                await api.index(title=name, text=text, external_id=name, collection="asked")
            yield System(place, release, second, api, database)
        await database.close()
    finally:
        second.end()
        release.end()
        await place.drop()


async def test_the_library_is_embedded_beside_through_a_crash(system: System) -> None:
    """With functions and bridge killed half way, every passage gets its second vector; so do documents that come."""
    refused = await system.activate(SECOND)
    assert (refused.status_code, refused.json()["type"][-13:]) == (404, "unknown-model")
    asked = await system.api.client.post("/models/embed", json={"model": SECOND})
    assert (asked.status_code, asked.json()["state"]) == (202, "building"), asked.text
    assert asked.json()["vectors"] is None, "it was counted, which takes long in a large library"
    await until(lambda: _some(system))
    assert (await system.model(SECOND))["index"] == "ready"
    system.second.freeze()
    system.release.end(signal.SIGKILL)
    held = (await system.vectors())[SECOND]
    assert 0 < held < STORED
    system.second.thaw()
    system.release.start()
    await system.release.ready()
    missing = await system.activate(SECOND)
    assert missing.status_code == 409 or await system.is_ready(SECOND)
    status = await system.api.index(title="late", text="It came while the library was embedded.", collection="asked")
    assert status["passages_embedded"] == 1
    await until(lambda: system.is_ready(SECOND))
    passages = await system.database.fetchval("SELECT count(*) FROM passages")
    assert await system.vectors() == {FIRST: passages, SECOND: passages}
    assert await system.database.fetchval("SELECT count(*) FROM dead_letters") == 0


async def _some(system: System) -> bool:
    return (await system.vectors()).get(SECOND, 0) > 0


async def test_what_is_missing_is_not_switched_to(system: System) -> None:
    """A passage without its vector keeps a model from taking over, until it is asked for again."""
    await until(lambda: system.is_ready(SECOND))
    await system.database.execute(
        "DELETE FROM embeddings WHERE passage_id = (SELECT min(passage_id) FROM embeddings) AND model_id = "
        "(SELECT id FROM models WHERE name = $1)",
        SECOND,
    )
    refused = await system.activate(SECOND)
    assert (refused.status_code, refused.json()["missing"]) == (409, 1)
    assert (await system.api.client.post("/models/embed", json={"model": SECOND})).status_code == 202
    await until(lambda: system.is_ready(SECOND))


async def _ask(system: System, seen: Counter[int], wrong: list[Any], stop: asyncio.Event) -> None:
    """Search until told to stop; note which model answered, and whatever is not one model's whole answer."""
    while not stop.is_set():
        for name, question in QUESTIONS.items():
            response = await system.api.client.post("/search", json={"query": question, "collection": "asked"})
            answer = response.json()
            if response.status_code != 200 or answer["degraded"]:
                wrong.append(answer)
                continue
            top = answer["hits"][0]
            expected = EXPECTED.setdefault(name, top["scores"]["dense"])
            if top["source"]["title"] != name or abs(top["scores"]["dense"] - expected) > NOISE:
                wrong.append((name, expected, top["scores"], answer["index_version"]))
            seen[int(answer["index_version"].rsplit(".", 1)[1])] += 1


EXPECTED: dict[str, float] = {}
"""Similarity of the best passage by question, as the first model alone gave it."""


async def test_switching_back_and_forth_under_load(system: System) -> None:
    """No search fails, is degraded, or compares vectors of two models while the active model changes six times."""
    await until(lambda: system.is_ready(SECOND))
    seen: Counter[int] = Counter()
    wrong: list[Any] = []
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(_ask(system, seen, wrong, stop))
        for name in (SECOND, FIRST) * 3:
            before = seen.total()
            await until(lambda before=before: _more(seen, before + 30))  # type: ignore[misc]  # bound now
            switched = await system.activate(name)
            assert (switched.status_code, switched.json()["state"]) == (200, "active")
            assert (await system.model(name))["state"] == "active"
        before = seen.total()
        await until(lambda: _more(seen, before + 30))
        stop.set()
    print(f"searches by model: {dict(seen)}, wrong: {len(wrong)}")
    assert not wrong, wrong[:3]
    ids = {row["id"] for row in await system.database.fetch("SELECT id FROM models")}
    assert set(seen) == ids
    across = await system.database.fetchval(
        "SELECT max(1 - (a.embedding <=> b.embedding)) FROM embeddings a JOIN embeddings b USING (passage_id) "
        "JOIN passages p ON p.id = a.passage_id JOIN collections c ON c.id = p.collection_id "
        "WHERE a.model_id < b.model_id AND c.name = 'asked'"
    )
    assert across < min(EXPECTED.values()) - 2 * NOISE, "a mixed answer could not be told from another"


async def _more(seen: Counter[int], count: int) -> bool:
    return seen.total() >= count


async def test_without_its_model_server_the_dense_leg_is_left_out(system: System) -> None:
    """A search function whose settings name no server of the active model answers by words, and says so."""
    assert (await system.activate(SECOND)).status_code == 200
    settings = SearchSettings(database_url=system.place.database_url, triton_url=system.place.stack.triton_url)
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app)
    headers = system.api.client.headers
    async with httpx.AsyncClient(transport=transport, base_url="http://search", headers=headers) as client:
        answer = (await client.post("/search", json={"query": "bananas", "collection": "asked"})).json()
    await app.state.resources.close()
    await app.state.door.close()
    assert answer["hits"][0]["source"]["title"] == "bananas"
    assert answer["hits"][0]["scores"]["dense"] is None
    assert [(each["what"], SECOND in each["why"]) for each in answer["degraded"]] == [("dense", True)]


async def test_documents_that_come_after_the_switch_can_be_switched_back(system: System) -> None:
    """What was ingested while the second model answered has the first one's vectors too: going back loses nothing."""
    assert (await system.activate(SECOND)).status_code == 200
    await system.api.index(title="after", text="Written after the switch.", collection="asked")
    counts = set((await system.vectors()).values())
    assert len(counts) == 1
    assert (await system.activate(FIRST)).status_code == 200
    answer = await system.api.search("what was written later", collection="asked", legs=["dense"])
    assert answer["degraded"] == []


async def test_a_removed_model_leaves_nothing(system: System) -> None:
    """An active model stays, one that answered a moment ago too; then vectors and index go, and it can come again."""
    assert (await system.activate(FIRST)).status_code == 200
    in_use = await system.api.client.delete(f"/models/{FIRST}")
    just_now = await system.api.client.delete(f"/models/{SECOND}")
    assert (in_use.status_code, just_now.status_code) == (409, 409)
    assert just_now.headers["retry-after"]
    await system.database.execute("UPDATE models SET last_active_at = now() - interval '1 minute'")
    removed = await system.api.client.delete(f"/models/{SECOND}")
    assert (removed.status_code, removed.json()["state"]) == (202, "removing"), removed.text
    await until(lambda: _is_gone(system))
    indexes = await system.database.fetch("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embeddings_hnsw%'")
    assert len(indexes) == 1
    assert (await system.api.search("bananas", collection="asked"))["degraded"] == []
    assert (await system.api.client.post("/models/embed", json={"model": SECOND})).status_code == 202
    await until(lambda: system.is_ready(SECOND))
    assert await system.database.fetchval("SELECT count(*) FROM dead_letters") == 0


async def _is_gone(system: System) -> bool:
    listed = (await system.api.client.get("/models")).json()["items"]
    return [model["name"] for model in listed] == [FIRST]


async def test_a_model_without_its_index_does_not_take_over(system: System) -> None:
    """Searches would compare with every vector: it is refused until the index is made, which `embed` asks for again."""
    await until(lambda: system.is_ready(SECOND))
    number = await system.database.fetchval("SELECT id FROM models WHERE name = $1", SECOND)
    await system.database.execute(f"DROP INDEX embeddings_hnsw_{number}")
    assert (await system.model(SECOND))["state"] == "building"
    refused = await system.activate(SECOND)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1].rsplit(":", 1)[-1]) == (409, "index-missing")
    assert (await system.api.client.post("/models/embed", json={"model": SECOND})).status_code == 202
    await until(lambda: system.is_ready(SECOND))
