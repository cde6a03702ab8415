"""Every overlay renders to objects that their schemas and our rules have nothing against."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.manifests.catalogue import RULES
from tests.manifests.rendering import OVERLAYS, ROOT, Object, overlays, render_folder
from tests.manifests.rules.naming import folders
from tests.manifests.rules.references import SECRETS
from tests.manifests.schemas import FOLDER, complaints, is_native

Rendered = Callable[[str], list[Object]]


@pytest.mark.parametrize("overlay", overlays())
def test_kubernetes_own_kinds_are_valid(overlay: str, rendered: Rendered) -> None:
    """Each object of Kubernetes' own kinds is one, with no field that there is not."""
    assert [text for thing in rendered(overlay) if is_native(thing) for text in complaints(thing)] == []


@pytest.mark.parametrize("overlay", overlays())
def test_custom_resources_are_valid(overlay: str, rendered: Rendered) -> None:
    """Each custom resource fits the schema of its definition."""
    if not FOLDER.is_dir():
        pytest.skip(f"no schemas of custom resources: {FOLDER} is absent (set RESEARCH_KB_SCHEMAS)")
    assert [text for thing in rendered(overlay) if not is_native(thing) for text in complaints(thing)] == []


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("overlay", overlays())
def test_rules_hold(overlay: str, rule: str, rendered: Rendered) -> None:
    """No rule has anything against an overlay."""
    assert RULES[rule](rendered(overlay)) == []


@pytest.mark.parametrize("overlay", overlays())
def test_no_object_is_there_twice(overlay: str, rendered: Rendered) -> None:
    """Kind, namespace and name tell objects apart."""
    seen = [(thing["apiVersion"], thing["kind"], thing["metadata"].get("namespace"), thing["metadata"]["name"])
            for thing in rendered(overlay)]  # fmt: skip
    assert len(seen) == len(set(seen))


def test_optional_secrets_are_valid(rendered: Rendered, tmp_path: Path) -> None:
    """The component that no overlay uses makes three Secrets that the manifests read, valid as the rest."""
    rendered("prod")  # skips where nothing can be rendered
    component = os.path.relpath(ROOT / "knative" / "components" / "external-secrets", tmp_path.resolve())
    kustomization = {"kind": "Kustomization", "components": [component]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    things = render_folder(tmp_path)
    assert {each["spec"]["target"]["name"] for each in things} <= SECRETS.keys()
    assert len(things) == 3
    if FOLDER.is_dir():
        assert [text for thing in things for text in complaints(thing)] == []


def test_base_holds_one_plain_object_a_function() -> None:
    """base/<function>.yaml is the function's whole Service; nothing in base generates or patches."""
    base = ROOT / "knative" / "base"
    for name in folders():
        path = base / f"{name.replace('_', '-')}.yaml"
        assert [each["kind"] for each in yaml.safe_load_all(path.read_text())] == ["Service"], path
    assert set(yaml.safe_load((base / "kustomization.yaml").read_text())) == {"apiVersion", "kind", "resources"}


def test_the_overlays_are_those_that_the_pages_name() -> None:
    """dev, prod, gpu and gpu-warm are there, and each is a folder with a kustomization."""
    assert set(overlays()) >= {"dev", "prod", "gpu", "gpu-warm"}
    assert all((path / "kustomization.yaml").is_file() for path in Path(OVERLAYS).iterdir() if path.is_dir())
