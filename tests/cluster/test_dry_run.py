"""A real API server takes every object of every overlay whose kind it knows: admission included, nothing stored."""

import json
import os
import shlex
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.manifests.rendering import NoKustomize, Object, kustomize, overlays, render

NAMESPACE = "research-kb"
KUBECTL = shlex.split(os.environ.get("KUBECTL", "kubectl"))
TIMEOUT_S = 300

Kind = tuple[str, str]


def kubectl(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl against the cluster of KUBECONFIG."""
    return subprocess.run(
        [*KUBECTL, *arguments], input=given, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.fixture(scope="module")
def known() -> set[Kind]:
    """The kinds that the server knows, each with its API version."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("no cluster: KUBECONFIG is not set")
    done = kubectl("api-resources", "--no-headers")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    return {(row[-3], row[-1]) for row in rows}


@pytest.fixture(scope="module")
def namespace(known: set[Kind]) -> Iterator[str]:
    """A namespace of this test's own, so that nothing that runs is in its way."""
    name = f"dry-run-{uuid.uuid4().hex[:8]}"
    made = kubectl("create", "namespace", name)
    assert made.returncode == 0, made.stderr
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def moved(things: list[Object], namespace: str) -> str:
    """Return the objects as one list in another namespace, references within it included, without the Namespace."""
    items = [each for each in things if each["kind"] != "Namespace"]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    return text.replace(f'"namespace": "{NAMESPACE}"', f'"namespace": "{namespace}"')


@pytest.mark.parametrize("overlay", overlays())
def test_the_api_server_takes_every_object_it_knows(
    overlay: str, known: set[Kind], namespace: str, record_property: Callable[[str, object], None]
) -> None:
    """`kubectl apply --dry-run=server` accepts all of them, webhooks and defaults included."""
    try:
        kustomize()
    except NoKustomize as exc:
        pytest.skip(f"manifests cannot be rendered: {exc}")
    things = render(overlay)
    mine = [each for each in things if (each["apiVersion"], each["kind"]) in known]
    others = Counter(each["kind"] for each in things if (each["apiVersion"], each["kind"]) not in known)
    done = kubectl("apply", "--dry-run=server", "-o", "name", "-f", "-", given=moved(mine, namespace))
    assert done.returncode == 0, done.stderr
    taken = done.stdout.split()
    record_property("taken", len(taken))
    record_property("unknown", dict(others))
    print(f"{overlay}: {len(taken)} of {len(things)} objects taken; the server does not know {dict(others)}")
    assert len(taken) == len([each for each in mine if each["kind"] != "Namespace"])
