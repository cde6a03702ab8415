"""A database without a bridge, AWS by moto's server, and a Lambda environment: one thread with one loop."""

import asyncio
import importlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import boto3
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from events.aws.handler import EventHandler
from functions.keys.keyring import create_key
from functions.keys.models import SCOPES, NewKey
from shared.aws import runtime
from shared.aws.http import HttpHandler
from shared.database import open_pool
from tests.aws.lambda_events import Context
from tests.aws.sam_template import read_template
from tests.conftest import Stack
from tests.integration.bridge_rig import serve_postgres

BUCKET = "research-kb-documents"


@dataclass
class Environment:
    """Runs handlers as Lambda does, one invocation at a time, all in one thread; closes what they hold."""

    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "lambda"))
    handlers: list[Any] = field(default_factory=list)

    async def make(self, build: Callable[[], Any]) -> Any:
        """Return a handler made in the environment's thread."""
        handler = await self._in_thread(build)
        self.handlers.append(handler)
        return handler

    async def call(self, handler: Any, event: dict[str, Any], left_ms: int = 60_000) -> dict[str, Any]:
        """Invoke a handler."""
        answer: dict[str, Any] = await self._in_thread(handler, event, Context(left_ms))
        return answer

    async def close_one(self, handler: Any) -> None:
        """Close a handler's connections."""
        self.handlers.remove(handler)
        await self._in_thread(handler.close)

    async def close(self) -> None:
        """Close every handler's connections."""
        for handler in self.handlers:
            await self._in_thread(handler.close)
        self.handlers.clear()

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.wrap_future(self.thread.submit(work, *arguments))


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def lambda_database(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The DATABASE_URL of a Postgres whose outbox no bridge relays; its connections have a name of their own."""
    async with serve_postgres(tmp_path_factory.mktemp("lambda")) as url:
        yield url + ("&" if "?" in url else "?") + "application_name=lambda"


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def rows(lambda_database: str) -> AsyncIterator[Any]:
    """A pool for the tests' own looks at the database."""
    pool = await open_pool(lambda_database.replace("application_name=lambda", "application_name=test"), 2, 60)
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def key(rows: Any) -> str:
    """A key with every scope."""
    return (await create_key(rows, NewKey(name="lambda", tier="premium", scopes=list(SCOPES)))).key


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of moto's server; the process's AWS_ variables lead there, until the module's tests are done."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(8),
        }.items():
            patch.setenv(name, value)
        location: Any = {"LocationConstraint": "eu-central-1"}
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        yield f"http://{host}:{port}"
        httpx.post(f"http://{host}:{port}/moto-api/reset").raise_for_status()  # what it holds outlives the server
    server.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def environment(aws: str, lambda_database: str, stack: Stack) -> AsyncIterator[Environment]:
    """The environment, with this deployment's variables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", lambda_database)
        patch.setenv("DATABASE_POOL_SIZE", "2")
        patch.setenv("RESEARCH_KB_HOME", str(stack.home))
        patch.setenv("TRITON_URL", stack.triton_url)
        patch.setenv("OBJECT_STORE_URL", f"s3://{BUCKET}/kb")
        held = Environment()
        yield held
        await held.close()
        await held._in_thread(runtime.end)
        held.thread.shutdown()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def functions(environment: Environment) -> dict[str, Any]:
    """Every function's handler, made as functions/*/aws.py makes it."""
    made = {}
    for name in ("search", "sources", "stats", "health", "ingest", "keys"):
        made[name] = await environment.make(partial(HttpHandler, creator(name)))
    for name, path in (("extract", ""), ("embed", ""), ("metrics", ""), ("refresh", "/sweep")):
        made[name] = await environment.make(partial(EventHandler, name, creator(name), path))
    return made


def creator(name: str) -> Callable[[], FastAPI]:
    """Return the `create_app` of a function."""
    create: Callable[[], FastAPI] = importlib.import_module(f"functions.{name}.main").create_app
    return create


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The SAM template."""
    return read_template()


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    """What the template makes."""
    found: dict[str, Any] = template["Resources"]
    return found
