"""Publishing by the functions themselves: a real Postgres, real functions, a sink that is slow, away or refuses."""

import asyncio
import os
import signal
import sys
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from events.cloudevents import CloudEvent
from events.dead_letters import list_letters
from events.outbox import enqueue
from events.publisher import Publisher
from events.topics import ACTIVITY_TOPIC, DOCUMENTS_TOPIC, SOURCES_TOPIC
from functions.keys.keyring import create_key
from functions.keys.models import NewKey
from functions.refresh.main import create_app as create_refresh
from functions.refresh.settings import RefreshSettings
from shared.database import open_pool
from shared.resources import Resources
from shared.settings import Settings
from tests.integration.bridge_rig import free_port, serve_postgres, until

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[2]


@dataclass
class Sink:
    """Takes events at /<topic>; `answer` decides the status, 202 without one; stopped, it refuses connections."""

    port: int = field(default_factory=free_port)
    answer: Callable[[CloudEvent], Awaitable[int]] | None = None
    arrived: list[tuple[str, CloudEvent]] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{{topic}}"

    @property
    def ids(self) -> list[str]:
        return [event.id for _, event in self.arrived]

    async def start(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/{topic}", self._take)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        event = CloudEvent.from_http(dict(request.headers), await request.read())
        self.arrived.append((request.match_info["topic"], event))
        return web.Response(status=await self.answer(event) if self.answer else 202)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def database_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A database of this module's own: no bridge relays its outbox."""
    async with serve_postgres(tmp_path_factory.mktemp("publisher")) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def database(database_url: str) -> AsyncIterator["Any"]:
    pool = await open_pool(database_url, 4, 60)
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="session")
async def sink(database: Any) -> AsyncIterator[Sink]:
    await database.execute("TRUNCATE outbox, dead_letters")
    sink = Sink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def refresh(database_url: str, sink: Sink) -> AsyncIterator[httpx.AsyncClient]:
    """The refresh function, whose sweep publishes what was left."""
    app = create_refresh(RefreshSettings(database_url=database_url, k_sink=sink.url))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://refresh", timeout=60) as client:
        yield client
    await app.state.resources.close()


def make_event(key: str, number: int, kind: str = "source.indexed") -> CloudEvent:
    data = {"source_id": key, "collection": "c", "document_id": str(uuid.uuid4()), "passages": 1}
    if kind == "source.deleted":
        data = {"source_id": key, "collection": "c"}
    return CloudEvent.new(source="/tests", type=kind, data=data, partitionkey=key, subject=str(number))


async def put(database: Any, *events: CloudEvent) -> set[str]:
    async with database.acquire() as connection, connection.transaction():
        await enqueue(connection, events)
    return {str(event.partitionkey) for event in events}


async def waiting(database: Any) -> int:
    count: int = await database.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
    return count


async def sweep(refresh: httpx.AsyncClient) -> dict[str, int]:
    response = await refresh.post("/sweep")
    assert response.status_code == 200, response.text
    swept: dict[str, int] = response.json()["swept"]
    return swept


async def test_two_publishers_keep_each_keys_order(database_url: str, database: Any, sink: Sink) -> None:
    """Whichever of two processes publishes, each key's events arrive in order, each once, and are marked."""

    async def unevenly(event: CloudEvent) -> int:
        await asyncio.sleep(int(event.id[0], 16) / 1000)
        return 202

    sink.answer = unevenly
    held = [Resources(Settings(database_url=database_url, k_sink=sink.url)) for _ in range(2)]
    publishers = [Publisher(each) for each in held]
    keys = [str(uuid.uuid4()) for _ in range(5)]
    for number in range(20):
        for place, key in enumerate(keys):
            publishers[(number + place) % 2].publish_soon(await put(database, make_event(key, number)))
    await until(lambda: _none_waits(database))
    order: dict[str, list[int]] = defaultdict(list)
    for topic, event in sink.arrived:
        assert topic == SOURCES_TOPIC
        order[str(event.partitionkey)].append(int(str(event.subject)))
    assert order == {key: list(range(20)) for key in keys}
    for publisher, each in zip(publishers, held, strict=True):
        await publisher.close()
        await each.close()


async def _none_waits(database: Any) -> bool:
    return await waiting(database) == 0


async def test_the_sweep_publishes_what_a_sink_that_was_away_missed(
    database: Any, sink: Sink, refresh: httpx.AsyncClient
) -> None:
    """While the sink is away rows stay, the sweep succeeds; later they go in order, and a deletion leaves no row."""
    key = str(uuid.uuid4())
    await sink.stop()
    events = [make_event(key, 0), make_event(key, 1), make_event(key, 2, "source.deleted")]
    await put(database, *events)
    assert (await sweep(refresh))["events_published"] == 0
    assert await waiting(database) == 3
    await sink.start()
    assert (await sweep(refresh))["events_published"] == 3
    assert sink.ids == [event.id for event in events]
    assert await database.fetchval("SELECT count(*) FROM outbox") == 2
    assert (await sweep(refresh))["events_published"] == 0


async def test_a_sweep_goes_through_any_number_of_events(
    database: Any, sink: Sink, refresh: httpx.AsyncClient
) -> None:
    """More keys, and more events of a key, than a round takes: all are published, each once."""
    keys = [str(uuid.uuid4()) for _ in range(150)]
    many = [make_event(keys[0], number) for number in range(250)]
    await put(database, *many, *(make_event(key, 0) for key in keys[1:]))
    assert (await sweep(refresh))["events_published"] == 399
    assert len(set(sink.ids)) == len(sink.ids) == 399
    assert [event.id for _, event in sink.arrived if event.partitionkey == keys[0]] == [event.id for event in many]


async def test_a_refused_event_holds_up_its_key_alone(database: Any, sink: Sink, refresh: httpx.AsyncClient) -> None:
    """A 4xx leaves the row and those behind it for the next sweep; other keys go on; nothing is lost."""
    refused, other = str(uuid.uuid4()), str(uuid.uuid4())

    async def refuse(event: CloudEvent) -> int:
        return 403 if event.partitionkey == refused else 202

    sink.answer = refuse
    await put(database, make_event(refused, 0), make_event(refused, 1), make_event(other, 0))
    swept = await sweep(refresh)
    assert (swept["events_published"], swept["keys_not_published"]) == (1, 1)
    assert await waiting(database) == 2
    sink.answer = None
    assert (await sweep(refresh))["events_published"] == 2
    assert await waiting(database) == 0


async def test_a_row_that_is_no_event_becomes_a_dead_letter(
    database: Any, sink: Sink, refresh: httpx.AsyncClient
) -> None:
    """What no topic could take is buried, and what waits behind it is published."""
    key = str(uuid.uuid4())
    await database.execute(
        "INSERT INTO outbox (topic, partition_key, event) VALUES ($1, $2, $3)", SOURCES_TOPIC, key, {"no": "event"}
    )
    await put(database, make_event(key, 1))
    assert (await sweep(refresh))["events_published"] == 1
    async with database.acquire() as connection:
        letters = await list_letters(connection, limit=10)
    assert [letter.event["type"] for letter in letters] == ["record.malformed"]
    assert await waiting(database) == 0


async def test_a_function_publishes_after_its_request(
    database_url: str, database: Any, sink: Sink, tmp_path: Path
) -> None:
    """POST /documents is answered while the sink still waits; SIGTERM then waits for the sink's answer and the mark."""
    may_answer = asyncio.Event()

    async def later(_: CloudEvent) -> int:
        await may_answer.wait()
        return 202

    sink.answer = later
    process, port = await start_ingest(database_url, sink, tmp_path)
    await submit(database, port)
    await until(lambda: len(sink.arrived) == 1)
    assert await waiting(database) == 1
    process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)
    may_answer.set()
    await asyncio.wait_for(process.wait(), 30)
    topic, event = sink.arrived[0]
    assert (topic, event.type, event.partitionkey) == (DOCUMENTS_TOPIC, "document.submitted", event.data["source_id"])  # type: ignore[index]  # a submission has data
    assert await waiting(database) == 0


async def test_a_killed_function_leaves_its_events_to_the_sweep(
    database_url: str, database: Any, sink: Sink, tmp_path: Path, refresh: httpx.AsyncClient
) -> None:
    """SIGKILL between the commit and the mark: the sweep publishes the event again, with the same id."""

    async def never(_: CloudEvent) -> int:
        await asyncio.sleep(60)
        return 202

    sink.answer = never
    process, port = await start_ingest(database_url, sink, tmp_path)
    await submit(database, port)
    await until(lambda: len(sink.arrived) == 1)
    process.kill()
    await process.wait()
    await database.execute("DELETE FROM activity")  # the request's own note would be an event of the sweep's too
    sink.answer = None
    assert (await sweep(refresh))["events_published"] == 1
    assert len(sink.ids) == 2
    assert len(set(sink.ids)) == 1
    assert await waiting(database) == 0


async def test_what_was_served_is_gathered_and_published_without_a_bridge(
    database_url: str, database: Any, sink: Sink, tmp_path: Path
) -> None:
    """A function whose sink takes the activity topic publishes its requests' notes within some seconds."""
    await database.execute("DELETE FROM activity")
    process, port = await start_ingest(database_url, sink, tmp_path, ACTIVITY_TOPIC)
    await submit(database, port)
    await until(lambda: [topic for topic, _ in sink.arrived] == [ACTIVITY_TOPIC])
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.wait(), 30)
    [request] = (sink.arrived[0][1].data or {})["requests"]
    assert (request["function"], request["method"], request["status"], request["cold"]) == ("ingest", "POST", 202, True)
    assert await database.fetchval("SELECT count(*) FROM activity") == 0


async def test_without_a_sink_nothing_is_published_here(database_url: str) -> None:
    """No K_SINK and no EVENT_SINKS: no publisher and no middleware; the bridge relays."""
    held = Resources(Settings(database_url=database_url))
    assert held.publisher is None
    app = create_refresh(RefreshSettings(database_url=database_url))
    assert "PublishAfterRequest" not in str(app.user_middleware)


async def start_ingest(
    database_url: str, sink: Sink, home: Path, topic: str = DOCUMENTS_TOPIC
) -> tuple[asyncio.subprocess.Process, int]:
    """Start the ingest function as its image does; return it when it is ready."""
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": database_url, "RESEARCH_KB_HOME": str(home),
        "K_SINK": sink.url, "K_SINK_TOPIC": topic,
    }  # fmt: skip
    command = ["-m", "uvicorn", "--factory", "functions.ingest.main:create_app", "--port", str(port), "--no-access-log"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def is_ready() -> bool:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"http://127.0.0.1:{port}/ready")).status_code == 200
            except httpx.HTTPError:
                return False

    await until(is_ready)
    return process, port


async def submit(database: Any, port: int) -> None:
    """Submit a document with a key of its own."""
    key = (await create_key(database, NewKey(name="publisher", tier="premium", scopes=["ingest"]))).key
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.post(
            f"http://127.0.0.1:{port}/documents",
            json={"title": f"Notes {uuid.uuid4()}", "text": "An instrument moves the treatment and nothing else."},
            headers={"Authorization": f"Bearer {key}"},
        )
    assert response.status_code == 202, response.text
