"""The kustomization of one run: the overlay, with this run's images, secrets and addresses."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from deploy.images.build import functions
from tests.cluster.kube import NAMESPACE
from tests.cluster.parts import PORTS

PREFIX = "dev.local/research-kb"


def write_kustomization(home: Path, overlay: Path, tag: str, addresses: dict[str, str], node: str) -> Path:
    """Write a folder that `kubectl apply -k` takes, and return it."""
    folder = home / "kustomization"
    folder.mkdir()
    secrets = [
        secret("research-kb-database", dict.fromkeys(("url", "direct-url"), inside(addresses["DATABASE_URL"]))),
        secret("research-kb-object-store", OBJECT_STORE),
    ]
    (folder / "secrets.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": secrets}))
    images = [*functions(), "bridge", "cli"]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(overlay, folder.resolve()), "secrets.json"],
        "images": [{"name": f"{PREFIX}/{name}", "newTag": tag} for name in images],
        "patches": [endpoint(name, node) for name in PORTS],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=2))
    return folder


OBJECT_STORE = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_ENDPOINT_URL": f"http://objects.{NAMESPACE}.svc.cluster.local:9000",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


def inside(database_url: str) -> str:
    """Return the address by which pods reach the database: that of its Service."""
    parts = urlsplit(database_url)
    return urlunsplit(
        parts._replace(netloc=f"{parts.username}:{parts.password}@postgres.{NAMESPACE}.svc.cluster.local:5432")
    )


def secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    """Return a Secret."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def endpoint(name: str, node: str) -> dict[str, Any]:
    """Return the patch that leads a Service to the node."""
    operations = [{"op": "replace", "path": "/endpoints/0/addresses/0", "value": node}]
    return {"target": {"kind": "EndpointSlice", "name": name}, "patch": json.dumps(operations)}
