"""A real Prometheus, scraping a load of a thousand searches, counts exactly the answers given."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import yaml

from tests.conftest import ROOT, Api, Stack, free_port
from tests.integration.test_crashes import pid_of
from tests.integration.test_metrics import counted

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"

SEARCHES = 1000
AT_ONCE = 8
GIVE_UP_S = 120


@asynccontextmanager
async def prometheus(target: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run Prometheus with the project's rules, scraping `target` every second; a client of its API."""
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("no prometheus: install Debian's package of that name")
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ROOT / "deploy" / "monitoring" / "rules.yml")],
        "scrape_configs": [{"job_name": "research-kb", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        found, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await answered(client, "/-/ready")
            yield client
    finally:
        process.terminate()
        await process.wait()


async def answered(client: httpx.AsyncClient, path: str) -> None:
    """Wait until a path answers 200."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            try:
                if (await client.get(path)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def value(client: httpx.AsyncClient, query: str) -> float | None:
    """Return an instant query's only value, None without one."""
    response = await client.get("/api/v1/query", params={"query": query})
    result = response.json()["data"]["result"]
    return float(result[0]["value"][1]) if result else None


async def reached(client: httpx.AsyncClient, query: str, least: float) -> float:
    """Wait until a query's value is `least` or more; return it. What it is at the end, if it never gets there."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            found = await value(client, query)
            if found is not None and found >= least:
                return found
            await asyncio.sleep(0.5)


async def ask(api: Api, collection: str, count: int) -> None:
    """Ask `count` questions, a few at once; every one is answered."""
    questions = iter(range(count))

    async def worker() -> None:
        for number in questions:
            await api.search(f"how do swallows find home {number}", collection=collection, limit=3)

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(worker())


async def test_prometheus_counts_every_answer(
    stack: Stack, api: Api, database: Pool, collection: str, tmp_path: Path
) -> None:
    """After the process that holds the metrics function was killed half way, the counts are those of the answers."""
    await api.index(title="Swallows", text="Swallows find their way home by the stars.", collection=collection)
    await counted(database)
    async with prometheus(urlsplit(stack.internal_url).netloc, tmp_path) as client:
        total = "sum(research_kb_searches_total)"
        before = await reached(client, total, 0)
        timed = await reached(client, "research_kb_search_seconds_count", 0)
        await ask(api, collection, SEARCHES // 2)
        os.kill(pid_of(stack, "functions"), signal.SIGKILL)  # events are on their way to it
        await answered(api.client, "/ready")
        await ask(api, collection, SEARCHES // 2)
        await counted(database)
        assert await reached(client, total, before + SEARCHES) == before + SEARCHES
        assert await reached(client, "research_kb_search_seconds_count", timed + SEARCHES) == timed + SEARCHES
        await _rules_are_healthy(client)


async def _rules_are_healthy(client: httpx.AsyncClient) -> None:
    """Prometheus evaluates each rule on real series, without an error; the groups' first turns come within 30 s."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            groups = (await client.get("/api/v1/rules")).json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert rules
            if all(rule["health"] != "unknown" for rule in rules):  # unknown: not evaluated yet
                break
            await asyncio.sleep(1)
    assert {rule["health"] for rule in rules} == {"ok"}, [rule for rule in rules if rule["health"] != "ok"]
