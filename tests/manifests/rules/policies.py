"""Network policies: closed unless opened, and functions only through the queue proxy."""

from collections.abc import Iterator

from tests.manifests.objects import Objects, of_kind, title
from tests.manifests.rendering import Object

PROXY = {8012, 8013, 8112}
USER = 8080
FUNCTIONS = "serving.knative.dev/service"


def _on_functions(policy: Object) -> bool:
    expressions = policy["spec"]["podSelector"].get("matchExpressions", [])
    return any(each["key"] == FUNCTIONS for each in expressions)


def _opened(policies: list[Object]) -> Iterator[tuple[set[str], set[int]]]:
    """Yield who may reach functions, by namespace, and at which ports (empty: all)."""
    for policy in policies:
        for rule in policy["spec"].get("ingress", []) if _on_functions(policy) else []:
            peers = [each.get("namespaceSelector", {}).get("matchLabels", {}) for each in rule.get("from", [{}])]
            names = {each.get("kubernetes.io/metadata.name", "*") for each in peers}
            yield names, {each["port"] for each in rule.get("ports", [])}


def policies(things: Objects) -> list[str]:
    """Nothing is reached by default; Knative reaches the queue proxy, only Prometheus the process behind it."""
    given = of_kind(things, "NetworkPolicy")
    if not given:
        return []
    found = []
    closed = [each for each in given if each["spec"]["podSelector"] == {} and "ingress" not in each["spec"]]
    if not closed:
        found.append("NetworkPolicy: nothing denies by default")
    opened = list(_opened(given))
    for names, ports in opened:
        if (not ports or USER in ports) and names != {"monitoring"}:
            found.append(f"NetworkPolicy: {sorted(names)} reach functions past the queue proxy")
    for name in ("knative-serving", "kourier-system"):
        reached = set().union(*(ports for names, ports in opened if name in names))
        if not reached >= PROXY:
            found.append(f"NetworkPolicy: {name} does not reach the queue proxy at {sorted(PROXY - reached)}")
    found += [f"{title(each)}: it says nothing" for each in given if not each["spec"].get("policyTypes")]
    return found
