"""Network policies: closed unless opened, and functions only through the queue proxy."""

from collections.abc import Iterator

from tests.manifests.objects import Objects, of_kind, title
from tests.manifests.rendering import Object

PROXY = {8012, 8013, 8112}
USER = 8080
FUNCTIONS = "serving.knative.dev/service"
# Labels that operators give to pods of theirs; what a template of theirs asks for may be overwritten.
OPERATORS = {
    FUNCTIONS,
    "cnpg.io/cluster",
    "cnpg.io/poolerName",
    "strimzi.io/cluster",
    "strimzi.io/kind",
    "gateway.networking.k8s.io/gateway-name",
    "acme.cert-manager.io/http01-solver",
}


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


def _own_pods(things: Objects) -> list[dict[str, str]]:
    """Return the labels of the pods that the manifests themselves describe, without operators' kinds."""
    plain = [each for kind in ("Deployment", "StatefulSet", "Job") for each in of_kind(things, kind)]
    return [each["spec"]["template"]["metadata"].get("labels", {}) for each in plain]


def _selectors(policy: Object) -> Iterator[Object]:
    """Yield every selector of pods in a policy."""
    spec = policy["spec"]
    yield spec["podSelector"]
    for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
        peers = [*rule.get("from", []), *rule.get("to", [])]
        yield from (peer["podSelector"] for peer in peers if "podSelector" in peer)


def _selects_nobody(selector: Object, pods: list[dict[str, str]]) -> bool:
    """Return whether no pod can carry what a selector asks for."""
    wanted = {key: [value] for key, value in selector.get("matchLabels", {}).items()}
    wanted |= {each["key"]: each.get("values", []) for each in selector.get("matchExpressions", [])}
    return not any(
        all(key in OPERATORS or labels.get(key) in values for key, values in wanted.items()) for labels in [{}, *pods]
    )


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
    pods = _own_pods(things)
    for each in given:
        found += [f"{title(each)}: no pod carries {one}" for one in _selectors(each) if _selects_nobody(one, pods)]
    found += [f"{title(each)}: it says nothing" for each in given if not each["spec"].get("policyTypes")]
    return found
