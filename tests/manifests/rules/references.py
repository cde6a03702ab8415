"""What objects name is there: Secrets, ConfigMaps, functions, sinks, services."""

from collections.abc import Iterator

from tests.manifests.objects import Objects, containers, named, of_kind, pod, title
from tests.manifests.rendering import Object

# Made by hand or by External Secrets, with these keys (docs/deploy-knative.md).
SECRETS = {
    "research-kb-database": {"url", "direct-url", "password"},
    "research-kb-object-store": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
    "research-kb-kafka": {"protocol", "sasl.mechanism", "user", "password", "ca.crt"},
    "research-kb-first-key": {"key"},
    "research-kb-telemetry": {"SENTRY_DSN", "OTEL_EXPORTER_OTLP_HEADERS"},
}
# Of overlay dev alone, which brings it.
DEV = {"object-store-identities"}


def _keyed(tree: object, field: str) -> Iterator[Object]:
    """Yield every mapping found under `field` anywhere in the tree."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == field and isinstance(value, dict):
                yield value
            yield from _keyed(value, field)
    elif isinstance(tree, list):
        for value in tree:
            yield from _keyed(value, field)


def secrets(things: Objects) -> list[str]:
    """Only the Secrets that the pages name are read, and only keys that they have."""
    found = []
    for thing in things:
        keys = [(ref["name"], ref["key"]) for ref in _keyed(thing.get("spec", {}), "secretKeyRef")]
        found += [f"{title(thing)}: no Secret {name} with key {key}"
                  for name, key in keys if key not in SECRETS.get(name, set())]  # fmt: skip
        whole = [ref["name"] for ref in _keyed(pod(thing) or {}, "secretRef")]
        whole += [ref["secretName"] for ref in _keyed(pod(thing) or {}, "secret")]
        found += [f"{title(thing)}: no Secret {name}" for name in whole if name not in SECRETS.keys() | DEV]
    return found


def config_maps(things: Objects) -> list[str]:
    """A ConfigMap that a container must have is there."""
    found = []
    for thing, container in containers(things):
        for source in container.get("envFrom", []):
            ref = source.get("configMapRef", {})
            if ref and not ref.get("optional") and named(things, "ConfigMap", ref["name"]) is None:
                found.append(f"{title(thing)}: there is no ConfigMap {ref['name']}")
    return found


def subjects(things: Objects) -> list[str]:
    """Functions and sinks that sources, bindings and clocks name are there."""
    found = []
    for thing in [each for each in things if each["apiVersion"].startswith("sources.knative.dev")]:
        refs = [*_keyed(thing["spec"], "ref"), *_keyed(thing["spec"], "subject")]
        found += [f"{title(thing)}: there is no {ref['kind']} {ref['name']}"
                  for ref in refs if named(things, ref["kind"], ref["name"], ref["apiVersion"]) is None]  # fmt: skip
    return found


def monitors(things: Objects) -> list[str]:
    """A ServiceMonitor selects a Service that is there."""
    found = []
    for monitor in of_kind(things, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        if not [each for each in of_kind(things, "Service", "v1") if wanted <= each["metadata"]["labels"].items()]:
            found.append(f"{title(monitor)}: it selects no Service")
    return found
