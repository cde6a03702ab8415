"""Whether an object is one that its API server would take: JSON Schemas of custom resources, Kubernetes' own kinds."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate

from tests.manifests.rendering import ROOT, Object

FOLDER = Path(os.environ.get("RESEARCH_KB_SCHEMAS") or ROOT.parent / "shared" / "schemas")
# What the oldest supported Knative runs on.
KUBERNETES = "1.34"
# Custom resources whose definition no collection of schemas has.
UNKNOWN = {("barmancloud.cnpg.io/v1", "ObjectStore")}
NATIVE_GROUPS = {"", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io",
                 "discovery.k8s.io"}  # fmt: skip


def group_of(thing: Object) -> str:
    """Return the API group; empty for the core."""
    return str(thing["apiVersion"].rpartition("/")[0])


def is_native(thing: Object) -> bool:
    """Tell whether the kind is one of Kubernetes' own."""
    return group_of(thing) in NATIVE_GROUPS


@cache
def _validator(group: str, kind: str, version: str) -> Any:
    path = FOLDER / group / f"{kind.lower()}_{version}.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text())) if path.is_file() else None


def complaints(thing: Object) -> list[str]:
    """Return what the schema of the object's kind has against it; a kind without a schema is a complaint too."""
    name = f"{thing['kind']}/{thing['metadata']['name']}"
    if is_native(thing):
        return [f"{name}: {text}" for text in _native(thing)]
    if (thing["apiVersion"], thing["kind"]) in UNKNOWN:
        return []
    group, _, version = thing["apiVersion"].rpartition("/")
    validator = _validator(group, thing["kind"], version)
    if validator is None:
        return [f"{name}: there is no schema of {thing['apiVersion']} {thing['kind']}"]
    return [f"{name}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(thing)]


def _native(thing: Object) -> list[str]:
    try:
        kubernetes_validate.validate(thing, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [str(error)[:300]]
    return []
