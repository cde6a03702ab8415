"""A broker, a database and a receiver of their own for the tests of the bridge, which stop and kill them."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiohttp import web
from fastapi import FastAPI

from events.cloudevents import CloudEvent
from events.dead_letter_endpoint import install_dead_letter_endpoint
from events.receiver import create_event_app
from local.kafka import Kafka
from local.ports import choose_ports
from local.settings import StackSettings
from shared.database import open_pool
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
Answer = Callable[[CloudEvent], Awaitable[web.Response | None]]


class Broker:
    """One Apache Kafka that can be killed and started again on the same data."""

    def __init__(self, home: Path) -> None:
        ports = choose_ports("127.0.0.1", ["kafka", "controller"], {})
        self._kafka = Kafka(StackSettings(home=home), ports["kafka"], ports["controller"])
        self._log = home / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return self._kafka.bootstrap

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._kafka.prepare(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)


@asynccontextmanager
async def serve_postgres(home: Path) -> AsyncIterator[str]:
    """Yield the DATABASE_URL of a migrated Postgres."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "local.postgres", "--home", str(home)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if line.startswith(b"DATABASE_URL="):
                break
        else:
            raise AssertionError("Postgres did not start")
        yield line.decode().strip().removeprefix("DATABASE_URL=")
    finally:
        process.terminate()
        await process.wait()


def after(seconds: float) -> Answer:
    """Return a receiver's answer that takes every event, so much later."""

    async def answer(_: CloudEvent) -> None:
        await asyncio.sleep(seconds)

    return answer


@dataclass
class Receiver:
    """The functions' place: records what arrives at /extract and /embed; /refresh is the real front of refresh.

    `answer` decides by event; None, or no `answer`, means 200.
    """

    database_url: str
    port: int
    answer: Answer | None = None
    arrived: list[CloudEvent] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    _runner: web.AppRunner | None = None
    _refresh: FastAPI | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        async def ignore(_: CloudEvent, __: Any) -> Any:
            return "done"

        settings = Settings(database_url=self.database_url)
        self._refresh = create_event_app("refresh", {"source.indexed": ignore, "source.deleted": ignore}, settings)
        install_dead_letter_endpoint(self._refresh)
        app = web.Application(client_max_size=4 * 2**20)
        app.add_routes([web.post("/refresh{path:.*}", self._forward), web.post("/metrics", self._ignore)])
        app.add_routes([web.post("/{function}", self._take)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    def reset(self) -> None:
        """Take everything, and forget what came."""
        self.answer = None
        self.arrived.clear()
        self.done.clear()
        self.most_at_once = 0

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._refresh is not None:
            await self._refresh.state.resources.close()

    async def _ignore(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "done"})

    async def _take(self, request: web.Request) -> web.Response:
        event = CloudEvent.from_http(dict(request.headers), await request.read())
        self.arrived.append(event)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            response = await self.answer(event) if self.answer else None
        finally:
            self.at_once -= 1
        response = response or web.json_response({"status": "done"})
        if response.status == 200:
            self.done.append(event.id)
        return response

    async def _forward(self, request: web.Request) -> web.Response:
        event = await request.read()
        if request.match_info["path"] == "":
            self.arrived.append(CloudEvent.from_http(dict(request.headers), event))
        transport = httpx.ASGITransport(app=self._refresh)  # type: ignore[arg-type]  # started before it serves
        async with httpx.AsyncClient(transport=transport, base_url="http://refresh") as client:
            answer = await client.post(request.match_info["path"] or "/", content=event, headers=dict(request.headers))
        return web.Response(
            status=answer.status_code, body=answer.content, headers={"content-type": "application/json"}
        )


@dataclass
class Bridge:
    """One `python -m events.bridge`."""

    process: asyncio.subprocess.Process
    port: int

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)


@dataclass
class Rig:
    """Everything together."""

    broker: Broker
    database_url: str
    database: "asyncpg.Pool[Any]"
    receiver: Receiver
    home: Path
    bridges: list[Bridge] = field(default_factory=list)

    async def start_bridge(self, **settings: str) -> Bridge:
        """Start a bridge with quick retries; `settings` are further environment variables."""
        port = free_port()
        environment = os.environ | {
            "KAFKA_BOOTSTRAP": self.broker.bootstrap,
            "DATABASE_URL": self.database_url,
            "INTERNAL_URL": self.receiver.url,
            "BRIDGE_PORT": str(port),
            "BRIDGE_BACKOFF_FIRST_S": "0.05",
            "BRIDGE_BACKOFF_CAP_S": "0.2",
            "BRIDGE_MAX_ATTEMPTS": "4",
            **settings,
        }
        with (self.home / "bridge.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "events.bridge", cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        bridge = Bridge(process, port)
        self.bridges.append(bridge)
        return bridge

    async def end_bridges(self) -> None:
        for bridge in self.bridges:
            await bridge.end()
        self.bridges.clear()


@asynccontextmanager
async def open_rig(home: Path) -> AsyncIterator[Rig]:
    """Yield a broker, a database and a receiver that run."""
    broker = Broker(home)
    broker.start()
    try:
        async with serve_postgres(home) as database_url, await open_pool(database_url, 4, 60) as database:
            receiver = Receiver(database_url, free_port())
            await receiver.start()
            yield Rig(broker, database_url, database, receiver, home)
            await receiver.stop()
    finally:
        broker.end()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Any], timeout_s: float = 40) -> None:
    """Wait until `condition()`, which may be a coroutine function, is true."""
    async with asyncio.timeout(timeout_s):
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.05)
