"""What the pages tell to write and to apply does what they say."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.manifests.catalogue import RULES
from tests.manifests.objects import annotations, containers, functions, image_name, is_ours, of_kind
from tests.manifests.rendering import ROOT, Object, render_folder
from tests.manifests.rules.database import most_connections
from tests.manifests.rules.references import SECRETS

PAGE = (ROOT / "docs" / "deploy-knative.md").read_text()


@pytest.fixture
def own_overlay(tmp_path: Path, rendered: Callable[[str], list[Object]]) -> list[Object]:
    """The objects of the overlay that the page shows, as a reader would have it beside a checkout."""
    rendered("gpu")  # skips where nothing can be rendered
    return _render_shown(0, tmp_path)


def _render_shown(number: int, folder: Path) -> list[Object]:
    """Return the objects of one of the page's kustomizations, written to `folder`."""
    shown = re.findall(r"```yaml\n(apiVersion: kustomize.*?)```", PAGE, flags=re.S)[number]
    checkout = os.path.relpath(ROOT, folder.resolve())
    (folder / "kustomization.yaml").write_text(shown.replace("- research-kb/knative", f"- {checkout}/knative"))
    return render_folder(folder)


def test_the_overlay_shown_renders_and_breaks_no_rule(own_overlay: list[Object]) -> None:
    """A reader's own overlay keeps to the rules, and replaces host, registry and object store everywhere."""
    assert [text for rule in RULES.values() for text in rule(own_overlay)] == []
    ours = [container["image"] for _, container in containers(own_overlay) if is_ours(container)]
    assert all(image.startswith("registry.example.org/research-kb/") for image in ours), ours
    text = yaml.safe_dump_all(own_overlay)
    assert "kb.example.org" not in text
    assert "s3://research-kb/documents" not in text


def test_the_second_model_server_shown_is_one_of_its_own(
    tmp_path: Path, rendered: Callable[[str], list[Object]]
) -> None:
    """Neither its Service nor its Deployment finds the first one's pods, nor theirs its; policies let it through."""
    rendered("prod")  # skips where nothing can be rendered
    second = _render_shown(1, tmp_path)
    assert {each["metadata"]["name"] for each in second} == {"triton-next"}
    (deployment,), (service,), (budget,) = (of_kind(second, kind) for kind in (
        "Deployment", "Service", "PodDisruptionBudget"))  # fmt: skip
    pods = deployment["spec"]["template"]["metadata"]["labels"]
    assert (pods["app.kubernetes.io/name"], pods["app.kubernetes.io/component"]) == ("triton-next", "inference")
    own = {"app.kubernetes.io/name": "triton-next"}
    assert deployment["spec"]["selector"]["matchLabels"] == budget["spec"]["selector"]["matchLabels"] == own
    assert service["spec"]["selector"] == own
    assert [c["image"] for _, c in containers(second)] == ["registry.example.org/research-kb/triton-cpu:0.1.0-NAME"]
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    assert f"NEXT_TRITON_URL, value: http://{host}:8000" in PAGE


def test_the_selectors_shown_find_what_they_should(own_overlay: list[Object]) -> None:
    """The commands that apply by component get the operators' objects first, then the Jobs."""
    parts = [(each["metadata"]["labels"].get("app.kubernetes.io/component"), each) for each in own_overlay]
    stateful = {each["kind"] for component, each in parts if component in ("postgres", "kafka")}
    assert stateful == {"Cluster", "Pooler", "ObjectStore", "ScheduledBackup", "Kafka", "KafkaNodePool", "KafkaTopic",
                        "KafkaUser"}  # fmt: skip
    jobs = [each["metadata"]["name"] for component, each in parts if component in ("migrations", "first-key")]
    assert jobs == ["first-key", "migrate"]
    assert [each["metadata"]["name"] for component, each in parts if component == "migrations"] == ["migrate"]
    assert {image_name(c) for _, c in containers(of_kind(own_overlay, "Job"))} == {"cli"}


def test_a_second_release_is_applied_past_what_sink_bindings_own() -> None:
    """Whatever applies functions forces conflicts: since the first time Eventing owns their containers."""
    applied = [line for line in PAGE.splitlines() if line.startswith("kubectl apply --server-side")]
    whole = [line for line in applied if " -l " not in line]
    assert whole
    assert all("--force-conflicts" in line for line in whole)


def test_the_secrets_shown_are_those_that_are_read() -> None:
    """The page's table names each Secret of the manifests."""
    assert set(re.findall(r"^\| `(research-kb-[a-z-]+)` \|", PAGE, flags=re.M)) == set(SECRETS)


def quantity(text: str) -> float:
    """Return a Kubernetes quantity in cores or GiB."""
    units = {"m": 1e-3, "Mi": 1 / 1024, "Gi": 1.0}
    unit = next((each for each in units if text.endswith(each)), "")
    return float(text.removesuffix(unit)) * units.get(unit, 1.0)


def idle_requests(things: list[Object]) -> tuple[float, float]:
    """Return cores and GiB that are asked for while nothing is used."""
    asked = [(each["spec"]["instances"], each["spec"]["resources"]) for each in of_kind(things, "Cluster")]
    asked += [(each["spec"]["replicas"], each["spec"]["resources"]) for each in of_kind(things, "KafkaNodePool")]
    asked += [(1, each["spec"]["kafkaExporter"]["resources"]) for each in of_kind(things, "Kafka")]
    asked += [(each["spec"]["instances"], each["spec"]["template"]["spec"]["containers"][0]["resources"])
              for each in of_kind(things, "Pooler")]  # fmt: skip
    fields = {"HorizontalPodAutoscaler": "minReplicas", "ScaledObject": "minReplicaCount"}
    least = {each["spec"]["scaleTargetRef"]["name"]: each["spec"][field]
             for kind, field in fields.items() for each in of_kind(things, kind)}  # fmt: skip
    for thing in of_kind(things, "Deployment"):
        count = least.get(thing["metadata"]["name"], thing["spec"].get("replicas", 1))
        asked.append((count, thing["spec"]["template"]["spec"]["containers"][0]["resources"]))
    for thing in functions(things):
        count = int(annotations(thing)["autoscaling.knative.dev/min-scale"])
        asked.append((count, thing["spec"]["template"]["spec"]["containers"][0]["resources"]))
    requests = [(count, each["requests"]) for count, each in asked]
    return (sum(count * quantity(each["cpu"]) for count, each in requests),
            sum(count * quantity(each["memory"]) for count, each in requests))  # fmt: skip


def test_the_idle_figures_are_the_manifests(rendered: Callable[[str], list[Object]]) -> None:
    """docs/capacity.md sums up what the overlays ask for while idle, and the connections of their functions."""
    page = (ROOT / "docs" / "capacity.md").read_text()
    row = re.search(r"^\| sum \|(.*)\|$", page, flags=re.M)
    assert row is not None
    told = [tuple(float(n) for n in re.findall(r"[\d.]+", cell)[:2]) for cell in row.group(1).split("|")]
    assert told == [tuple(round(n, 1) for n in idle_requests(rendered(name))) for name in ("prod", "gpu", "gpu-warm")]
    assert f"is {most_connections(rendered('prod'))} in `knative/base`" in page
