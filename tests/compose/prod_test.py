"""`make prod-test`: docker-compose.prod.yml really up, used over HTTPS, every service restarted under load, down again.

With --base IMAGE every image is built on it and the foreign ones are stood in for (tests/compose/images); without,
our images are built as they are shipped and the foreign ones pulled. Exit status 0 when all held.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from deploy.compose.check import ROOT, NoCompose, check, compose_command
from deploy.images.build import Build, build_all, functions
from tests.compose.backup_drill import back_up, restore
from tests.compose.images.build import COLLECTOR
from tests.compose.images.build import build as build_stand_ins
from tests.compose.measure import load, load_embedded, say
from tests.compose.project import OVERRIDE, ProdTestFailed, Project, create
from tests.compose.seeing import await_targets, read_traces
from tests.compose.visitors import Visitors

TAG = "prod-test"
SAMPLE = ROOT / "sample" / "articles"
QUESTION = "When does an instrumental variable identify a causal effect?"
# Whoever stands in front first, what holds data last.
RESTARTED = ("caddy", *functions(), "bridge", "triton-cpu", "kafka", "postgres", "object-store", "prometheus")
RESTARTED += ("collector",) if COLLECTOR else ()
SETTLE_S = 3.0


def build_images(base: str) -> None:
    """Build what the deployment runs."""
    images = [*functions(), "bridge", "cli", "triton-cpu"]
    build_all(Build("docker", base, "research-kb", TAG), images)
    if base:
        build_stand_ins(base)


@contextlib.contextmanager
def running(project: Project) -> Iterator[None]:
    """Have the project up while entered; it goes with its volumes, whatever happened."""
    try:
        started = time.monotonic()
        project.up()
        say(f"up after {time.monotonic() - started:.0f} s: {len(project.containers())} containers")
        yield
    finally:
        project.down()
        say("down, volumes included")


def command_line(project: Project, *arguments: str) -> str:
    """Run `research-kb` against the deployment. Raises ProdTestFailed."""
    key_file = str(project.folder / "secrets" / "api_key")
    variables = {"RESEARCH_KB_URL": project.url, "RESEARCH_KB_API_KEY_FILE": key_file}
    variables["SSL_CERT_FILE"] = str(project.certificate)
    known = {name: value for name, value in os.environ.items() if name != "RESEARCH_KB_API_KEY"}
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, env=known | variables, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProdTestFailed(f"research-kb {' '.join(arguments)}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return done.stdout


async def look_at_the_door(visitors: Visitors) -> None:
    """What is public and what is not, and that refusals are problem documents. Raises ProdTestFailed."""
    if not visitors.project.speaks_http2():
        raise ProdTestFailed("HTTP/2 was not agreed on")
    event = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "document.submitted", "ce-source": "/x"}
    large = b" " * (2**20 + 1)
    async with visitors.client() as client:
        found = {
            "GET /metrics": (await client.get("/metrics"), 404),
            "a CloudEvent": (await client.post("/", headers=event, content=b"{}"), 404),
            "an event function's path": (await client.post("/extract", headers=event, content=b"{}"), 404),
            "a large body": (await client.post("/search", content=large), 413),
            "GET /health": (await client.get("/health"), 200),
        }
        bare = httpx.AsyncClient(base_url=visitors.project.url, verify=False)  # noqa: S501 -- only whether it answers
        async with bare:
            found["no key"] = (await bare.get("/stats"), 401)
    for name, (response, wanted) in found.items():
        said = response.headers["content-type"]
        if response.status_code != wanted or (wanted >= 400 and "problem+json" not in said):
            raise ProdTestFailed(f"{name}: {response.status_code} {said}, not {wanted}")
    say("door: TLS, HTTP/2, no metrics and no events outside, problem documents, health ok")


async def disturb(visitors: Visitors) -> dict[str, Any]:
    """Restart each service in turn, kill search once; return what the visitors noticed of each."""
    project, noticed = visitors.project, {}
    for service in (*RESTARTED, "search killed"):
        before, searches, started = visitors.retries.copy(), visitors.searches, time.monotonic()
        # The stand-in for the object store forgets everything: no document may be on its way, the bucket is made anew.
        forgetful = project.stand_ins and service == "object-store"
        if forgetful:
            visitors.submitting.clear()
            await visitors.wait_until_indexed()
        if service == "search killed":
            await asyncio.to_thread(project.kill, "search")
        else:
            await asyncio.to_thread(project.compose, "restart", "--timeout", "30", service)
        await asyncio.sleep(SETTLE_S)
        await asyncio.to_thread(project.wait, [service.split()[0]])
        if forgetful:
            await asyncio.to_thread(project.compose, "up", "-d", "--force-recreate", "--no-deps", "object-store-bucket")
            await asyncio.to_thread(project.wait, ["object-store-bucket"])
            visitors.submitting.set()
        noticed[service] = {
            "seconds": round(time.monotonic() - started, 1),
            "searches": visitors.searches - searches,
            "tried again": dict(visitors.retries - before),
        }
        say(f"restarted {service}: {noticed[service]}")
    return noticed


async def use(project: Project) -> dict[str, Any]:
    """Back up, disturb the deployment under load, find every document afterwards, restore; return the figures."""
    visitors = Visitors(project)
    await look_at_the_door(visitors)
    backup = await back_up(visitors)
    visitors.submitting.set()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(visitors.search())
            group.create_task(visitors.submit())
            noticed = await disturb(visitors)
            visitors.stop.set()
    except* ProdTestFailed as failures:
        raise ProdTestFailed("; ".join(map(str, failures.exceptions))) from failures
    waited_s = await visitors.wait_until_indexed()
    await visitors.find_each()
    figures = {"searches": visitors.searches, "degraded": visitors.degraded, "documents": len(visitors.accepted),
               "tried again": dict(visitors.retries), "last searchable after s": round(waited_s, 1)}  # fmt: skip
    say(f"every accepted document was found once: {figures}")
    await restore(visitors, backup)
    return figures | {"services": noticed}


def perform(base: str, folder: Path, measure: bool, built: bool) -> dict[str, Any]:
    """Do everything; return the figures. Raises ProdTestFailed."""
    if found := check(compose_command(), *([OVERRIDE] if base else [])):
        raise ProdTestFailed("; ".join(found))
    if not built:
        build_images(base)
    project = create(folder, TAG, bool(base), bool(COLLECTOR))
    figures: dict[str, Any] = {}
    with running(project):
        command_line(project, "ingest", str(SAMPLE), "--collection", "sample", "--by-path", "--timeout", "900")
        hits = json.loads(command_line(project, "search", QUESTION, "--limit", "3", "--json"))["hits"]
        say(f"sample ingested over HTTPS; first hit: {hits[0]['source']['title']}")
        figures["disturbed"] = asyncio.run(use(project))
        await_targets(project, bool(COLLECTOR))
        if COLLECTOR:
            read_traces(project)
        if measure:
            os.environ["SSL_CERT_FILE"] = str(project.certificate)
            figures["behind Caddy"] = load(project.url, project.key, project.certificate)
            del os.environ["SSL_CERT_FILE"]
    if measure:
        figures["embedded"] = load_embedded(folder)
    return figures


def main() -> int:
    """Run the test from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="", help="build every image on this one, and stand in for foreign ones")
    parser.add_argument("--built", action="store_true", help="use the images that an earlier run built")
    parser.add_argument("--no-load", action="store_true", help="leave out the load measurements")
    parser.add_argument("--output", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = perform(options.base, Path(folder), not options.no_load, options.built)
    except (ProdTestFailed, NoCompose, subprocess.CalledProcessError) as failure:
        before = f" (after: {failure.__context__})" if failure.__context__ else ""
        print(f"prod-test failed: {failure}{before}", file=sys.stderr)
        return 1
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2))
    say("prod-test passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
