"""What the deployment shows of itself: Prometheus' targets, and the collector's traces."""

import json
import time
from collections import defaultdict
from typing import Any

import httpx

from tests.compose.measure import say
from tests.compose.project import ProdTestFailed, Project

WITHIN_S = 120.0
TRACES = "/var/lib/research-kb/traces.jsonl"
# Whoever takes part in one ingestion.
INGESTION = {"ingest", "bridge", "extract", "embed", "refresh"}


def await_targets(project: Project, collected: bool) -> None:
    """Wait until Prometheus reaches every target, but the collector where there is none. Raises ProdTestFailed."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        answer = httpx.get(f"http://127.0.0.1:{project.prometheus_port}/api/v1/targets", timeout=30).json()
        found = {target["labels"]["instance"]: target["health"] for target in answer["data"]["activeTargets"]}
        away = {name for name, health in found.items() if health != "up" and (collected or "collector" not in name)}
        if found and not away:
            say(f"Prometheus reaches {len(found)} targets" + ("" if collected else ", the collector not among them"))
            return
        if time.monotonic() > deadline:
            raise ProdTestFailed(f"Prometheus does not reach {sorted(away) or 'anything'}")
        time.sleep(1)


def read_traces(project: Project) -> None:
    """Find an ingestion that is one trace through every service, in the collector's file. Raises ProdTestFailed."""
    copy = project.folder / "traces.jsonl"
    project.compose("cp", f"collector:{TRACES}", str(copy))
    services = defaultdict[str, set[str]](set)
    spans = 0
    for line in copy.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            name = _service(resource)
            for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                services[span["traceId"]].add(name)
                spans += 1
    whole = sum(names >= INGESTION for names in services.values())
    if not whole:
        raise ProdTestFailed(f"of {len(services)} traces none goes through all of {sorted(INGESTION)}")
    say(f"collector: {spans} spans, {len(services)} traces, {whole} of them ingestions through every service")


def _service(resource: dict[str, Any]) -> str:
    attributes = resource["resource"]["attributes"]
    found = [each["value"]["stringValue"] for each in attributes if each["key"] == "service.name"]
    return str(found[0]).removeprefix("research-kb-") if found else ""
