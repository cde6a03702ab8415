"""Every metric that a dashboard or a rule asks for is one that the code, or the model server, exports."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
import yaml

from deploy.monitoring.__main__ import FOLDER
from deploy.monitoring.outages import HTTP_FUNCTIONS, PROCESSES
from functions.metrics.catalogue import FAMILIES
from tests.conftest import ROOT, Stack
from tests.monitoring.names import OPERATORS, exported, grouped_by, used

RECORDED = re.compile(r"research_kb:[a-z_:0-9]+")


def expressions() -> Iterator[tuple[str, str]]:
    """Yield where each expression stands, and the expression."""
    for path in sorted((FOLDER / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']}", target["expr"]
    rules = yaml.safe_load((FOLDER / "rules.k8s.yaml").read_text(encoding="utf-8"))["spec"]
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield str(rule.get("alert") or rule["record"]), rule["expr"]


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS, ids=[f"{n}-{e[0]}" for n, e in enumerate(EXPRESSIONS)])
def test_metrics_and_labels_exist(place: str, expression: str) -> None:
    """Names, the labels that are matched, and the labels that are grouped by."""
    known = exported() | OPERATORS
    ours = {name: labels for name, labels in used(expression).items() if not name.startswith("nv_")}
    for name, labels in ours.items():
        assert name in known, f"{place}: nothing exports {name}"
        assert labels <= known[name], f"{place}: {name} has no label {sorted(labels - known[name])}"
    if ours:
        held = frozenset().union(*(known[name] for name in ours))
        assert grouped_by(expression) <= held, f"{place}: groups by {sorted(grouped_by(expression) - held)}"


def test_recorded_series_are_recorded() -> None:
    """What reads a recorded series finds the rule that records it."""
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    read = {name for _, expression in EXPRESSIONS for name in RECORDED.findall(expression)}
    assert read <= recorded
    assert recorded


def test_the_objective_is_a_bucket() -> None:
    """200 ms is a bound of the histogram of searches, or the share within it could not be told."""
    (bounds,) = [family.bounds for family in FAMILIES if family.name == "research_kb_search_seconds"]
    assert 0.2 in bounds


def test_jobs_and_functions_that_alerts_name_exist() -> None:
    """Compose's jobs by their names, the operator's by its rule: namespace/name of a PodMonitor, a Service's name."""
    scraped = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"] for job in scraped["scrape_configs"]}
    text = (ROOT / "knative" / "components" / "monitoring" / "scraping.yaml").read_text(encoding="utf-8")
    for thing in yaml.safe_load_all(text):
        meta = thing["metadata"]
        jobs |= {meta["name"]} if thing["kind"] == "Service" else {f"{meta['namespace']}/{meta['name']}"}
    assert set(PROCESSES.split("|")) <= jobs
    assert all((ROOT / "functions" / name / "main.py").is_file() for name in HTTP_FUNCTIONS.split("|"))


def test_an_invented_name_is_told() -> None:
    """The check can fail."""
    assert set(used('sum(rate(research_kb_nothing_total{x="y"}[5m]))')) == {"research_kb_nothing_total"}
    assert "research_kb_nothing_total" not in exported()


@pytest.mark.stack
async def test_the_model_server_exports_what_is_asked_of_it(stack: Stack) -> None:
    """The names that begin with nv_ are on the real model server's page."""
    run = json.loads((stack.home / "run" / "stack.json").read_text(encoding="utf-8"))
    ports = run["parts"]["triton"]["ports"]
    if "metrics" not in ports:
        pytest.skip("the model server is the stand-in, which exports no metrics")
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{ports['metrics']}/metrics")).text
    there = set(re.findall(r"^# TYPE (nv_\w+) ", page, flags=re.M))
    asked = {name for _, expression in EXPRESSIONS for name in used(expression) if name.startswith("nv_")}
    assert asked <= there
