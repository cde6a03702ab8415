"""Fixtures for all tests: one real stack a session, clients of it, and the folder of real data."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from bench.collector import Collector, collecting

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("RESEARCH_KB_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real data: {DATA} is absent (set RESEARCH_KB_TEST_DATA)")
    return DATA.resolve()


@dataclass(frozen=True)
class Stack:
    """A running embedded stack of this session's own."""

    home: Path
    base_url: str
    api_key: str
    internal_url: str
    database_url: str
    kafka_bootstrap: str
    triton_url: str

    def environment(self) -> dict[str, str]:
        """Return what a program needs to talk to this stack, or to run one of its parts."""
        return {
            "RESEARCH_KB_HOME": str(self.home),
            "RESEARCH_KB_URL": self.base_url,
            "RESEARCH_KB_API_KEY": self.api_key,
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "TRITON_URL": self.triton_url,
            "INTERNAL_URL": self.internal_url,
        }

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of `research-kb` with these arguments."""
        return [sys.executable, "-m", "cli.main", *arguments]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stack_environment(home: Path, port: int) -> dict[str, str]:
    """Return the environment in which a stack of its own starts, whatever this process was given."""
    ours = {"DATABASE_URL", "KAFKA_BOOTSTRAP", "TRITON_URL", "OBJECT_STORE_URL", "LISTEN"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return inherited | {"RESEARCH_KB_HOME": str(home), "PORT": str(port)}


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """The receiver of the stack's spans: those of requests that ask for it, since new traces are not sampled there."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="session")
def stack(collector: Collector) -> Iterator[Stack]:
    """Start the embedded stack once for the session, in a folder of its own, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="rkb-") as folder:
        home, port = Path(folder) / "home", free_port()
        environment = stack_environment(home, port) | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_TRACES_SAMPLER_ARG": "0",
        }
        command = [sys.executable, "-m", "cli.main"]
        log = Path(folder) / "up.log"
        with log.open("wb") as output:
            started = subprocess.run(
                [*command, "up", "--detach"],
                cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, timeout=600, check=False,
            )  # fmt: skip
        try:
            assert started.returncode == 0, log.read_text()[-5000:]
            yield describe(home, port)
        finally:
            subprocess.run([*command, "down"], cwd=ROOT, env=environment, timeout=120, check=False)


def describe(home: Path, port: int) -> Stack:
    """Read the addresses of a running stack."""
    run = json.loads((home / "run" / "stack.json").read_text())
    addresses = run["addresses"]
    return Stack(
        home=home,
        base_url=f"http://127.0.0.1:{port}",
        api_key=(home / "api-key").read_text().strip(),
        internal_url=addresses["INTERNAL_URL"],
        database_url=addresses["DATABASE_URL"],
        kafka_bootstrap=addresses["KAFKA_BOOTSTRAP"],
        triton_url=addresses["TRITON_URL"],
    )


class Api:
    """A client of the public address with the steps that many tests share."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def submit(self, **document: Any) -> dict[str, Any]:
        """POST one JSON document; return the receipt."""
        response = await self.client.post("/documents", json=document)
        assert response.status_code in {200, 202}, response.text
        receipt: dict[str, Any] = response.json()
        return receipt

    async def settled(self, document_id: str, timeout_s: float = 60) -> dict[str, Any]:
        """Wait until a document is indexed, failed or superseded; return its status."""
        deadline = time.monotonic() + timeout_s
        while True:
            response = await self.client.get(f"/documents/{document_id}")
            assert response.status_code == 200, response.text
            status: dict[str, Any] = response.json()
            if status["state"] in {"indexed", "failed", "superseded"}:
                return status
            assert time.monotonic() < deadline, f"not settled after {timeout_s} s: {status}"
            await asyncio.sleep(0.1)

    async def index(self, **document: Any) -> dict[str, Any]:
        """POST one JSON document and wait until it is searchable; return its status."""
        status = await self.settled((await self.submit(**document))["id"])
        assert status["state"] == "indexed", status
        return status

    async def search(self, query: str, **options: Any) -> dict[str, Any]:
        """POST /search; return the answer."""
        response = await self.client.post("/search", json={"query": query, **options})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def api(stack: Stack) -> AsyncIterator[Api]:
    """A client with the stack's first key."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(base_url=stack.base_url, headers=headers, timeout=60) as client:
        yield Api(client)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def database(stack: Stack) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """A pool on the stack's database, with the types that the functions use."""
    from shared.database import open_pool

    pool = await open_pool(stack.database_url, 4, 60)
    yield pool
    await pool.close()


@pytest.fixture
def collection() -> str:
    """The name of a collection that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"
