"""Deployments beside the session's stack: its Postgres, Kafka and Triton, with a database and topics of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient

from tests.conftest import ROOT, Api, Stack, free_port

RENAMED = Path(__file__).with_name("renamed.py")
GIVE_UP_S = 120
"""Generous: a machine that is busy with other work starts a Python process in ten seconds."""


@dataclass
class Release:
    """The functions (a gateway) and the bridge of one checkout, on a shared place."""

    place: "Place"
    checkout: Path
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    internal_port: int = field(default_factory=free_port)
    bridge_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return what the processes are started with."""
        return self.place.environment() | {
            "PORT": str(self.port),
            "INTERNAL_PORT": str(self.internal_port),
            "INTERNAL_URL": f"http://127.0.0.1:{self.internal_port}",
            "BRIDGE_PORT": str(self.bridge_port),
            **self.settings,
        }

    def start(self, *modules: str) -> None:
        """Start processes, by default both; a working one is left alone."""
        for module in modules or ("local.gateway", "events.bridge"):
            # A file each: two processes that write into one tear each other's lines.
            with (self.place.logs / f"{module}-{self.port}.log").open("ab") as log:
                self.processes[module] = subprocess.Popen(
                    [sys.executable, str(RENAMED), self.place.prefix, module],
                    cwd=self.checkout, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip

    async def ready(self) -> None:
        """Wait until both answer."""
        async with httpx.AsyncClient() as client:
            for port, path in ((self.port, "/ready"), (self.bridge_port, "/live")):
                await until(lambda port=port, path=path: _answers(client, port, path))  # type: ignore[misc]  # bound now

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End what runs."""
        for process in self.processes.values():
            process.send_signal(number)
        for process in self.processes.values():
            process.wait(60)
        self.processes.clear()

    def run(self, module: str, *arguments: str) -> str:
        """Run a module to its end; return what it printed."""
        command = [sys.executable, str(RENAMED), self.place.prefix, module, *arguments]
        done = subprocess.run(
            command, cwd=self.checkout, env=self.environment(), capture_output=True, text=True, timeout=GIVE_UP_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
        return done.stdout

    @asynccontextmanager
    async def api(self, key: str) -> AsyncIterator[Api]:
        """A client of the public address."""
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60) as client:
            yield Api(client)


@dataclass
class Place:
    """The stateful parts of the session's stack, with names that nobody else uses."""

    stack: Stack
    home: Path
    name: str = field(default_factory=lambda: f"drill-{uuid.uuid4().hex[:10]}")

    @property
    def prefix(self) -> str:
        """The prefix of topics and consumer groups."""
        return self.name

    @property
    def logs(self) -> Path:
        """The folder of what the processes wrote."""
        return self.home / "logs"

    @property
    def database_url(self) -> str:
        return urlunsplit(urlsplit(self.stack.database_url)._replace(path=f"/{self.name}"))

    def environment(self) -> dict[str, str]:
        """Return what every process here needs."""
        ours = {"OBJECT_STORE_URL", "LISTEN", "EMBEDDER_MODEL"}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        return inherited | {
            "RESEARCH_KB_HOME": str(self.home),
            "LISTEN": "127.0.0.1",
            "DATABASE_URL": self.database_url,
            "DATABASE_POOL_SIZE": "6",
            "KAFKA_BOOTSTRAP": self.stack.kafka_bootstrap,
            "TRITON_URL": self.stack.triton_url,
            "BRIDGE_GROUP_PREFIX": self.prefix,
        }

    def release(self, checkout: Path = ROOT, **settings: str) -> Release:
        """Return a release's processes, not started."""
        return Release(self, checkout, settings)

    async def create(self) -> None:
        """Make the database; the tokenizer that extract needs is the stack's."""
        self.logs.mkdir()
        (self.home / "models").symlink_to(self.stack.home / "models")
        await self._administer(f'CREATE DATABASE "{self.name}"')

    async def drop(self) -> None:
        """Remove database and topics."""
        await self._administer(f'DROP DATABASE "{self.name}" WITH (FORCE)')
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.kafka_bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(self.prefix)])
        finally:
            await admin.close()

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = GIVE_UP_S) -> None:
    """Wait until `condition()` is true."""
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 -- other processes offer no event
            await asyncio.sleep(0.05)


async def _answers(client: httpx.AsyncClient, port: int, path: str) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}{path}")).status_code == 200
    except httpx.TransportError:
        return False
