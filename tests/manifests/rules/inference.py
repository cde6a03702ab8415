"""The model server: who scales it, by what, and on which nodes."""

from events.topics import PASSAGES_TOPIC
from tests.manifests.objects import Objects, named, of_kind, title
from tests.manifests.rendering import Object
from tests.monitoring.names import exported, used

QUEUE = ("nv_inference_queue_duration_us", "nv_inference_request_success", "clamp_min")
USE = ("research_kb_searches_total", "research_kb_inference_requests_total")


def one_scaler(things: Objects) -> list[str]:
    """A Deployment that a scaler holds has one scaler, and no number of its own that each release would set back."""
    found = []
    scalers = of_kind(things, "ScaledObject") + of_kind(things, "HorizontalPodAutoscaler")
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in scalers]
    for scaler in scalers:
        target = named(things, "Deployment", scaler["spec"]["scaleTargetRef"]["name"])
        if target is None:
            found.append(f"{title(scaler)}: there is no such Deployment")
        elif "replicas" in target["spec"]:
            found.append(f"{title(scaler)}: {title(target)} sets replicas itself")
    found += [f"Deployment/{name}: several scalers" for name in set(targets) if targets.count(name) > 1]
    return found


def wake(things: Objects) -> list[str]:
    """A model server that goes to zero is woken, and kept, by waiting passages and by searches; queues add replicas."""
    found = []
    for scaler in of_kind(things, "ScaledObject"):
        triggers = {each["name"]: each for each in scaler["spec"]["triggers"]}
        lag: Object = next((each["metadata"] for each in triggers.values() if each["type"] == "kafka"), {})
        if (lag.get("topic"), lag.get("consumerGroup")) != (PASSAGES_TOPIC, "research-kb.embed"):
            found.append(f"{title(scaler)}: waiting passages do not wake it")
        queries = [each for each in triggers.values() if each["type"] == "prometheus"]
        found += _queries(scaler, queries)
        for each in triggers.values():
            ref = each.get("authenticationRef", {}).get("name")
            if ref and named(things, "TriggerAuthentication", ref) is None:
                found.append(f"{title(scaler)}: there is no TriggerAuthentication {ref}")
    return found


def _queries(scaler: Object, queries: list[Object]) -> list[str]:
    found = []
    used = [each["metadata"] for each in queries if all(name in each["metadata"]["query"] for name in USE)]
    if not used or float(used[0].get("activationThreshold", "0")) != 0:
        found.append(f"{title(scaler)}: light searches do not keep it: their dense leg would go")
    queue = [each for each in queries if all(name in each["metadata"]["query"] for name in QUEUE)]
    if not queue or queue[0].get("metricType") != "Value":
        found.append(f"{title(scaler)}: replicas do not follow the time that a request queues")
    return found


def queries(things: Objects) -> list[str]:
    """What a scaler asks Prometheus for is exported, with the labels that are matched, or is the model server's."""
    found = []
    known = exported()
    for scaler in of_kind(things, "ScaledObject"):
        for text in [each["metadata"].get("query", "") for each in scaler["spec"]["triggers"]]:
            ours = {name: labels for name, labels in used(text).items() if not name.startswith("nv_")}
            found += [f"{title(scaler)}: nothing exports {name} by {sorted(labels)}"
                      for name, labels in ours.items() if name not in known or not labels <= known[name]]  # fmt: skip
    return found


def gpu_nodes(things: Objects) -> list[str]:
    """NVIDIA's image asks for a GPU and goes to nodes that have one; the image without does neither."""
    found = []
    for thing in of_kind(things, "Deployment"):
        spec = thing["spec"]["template"]["spec"]
        for container in spec["containers"]:
            asks = "nvidia.com/gpu" in container["resources"].get("limits", {})
            needs = container["image"].partition(":")[0].endswith("/triton")
            if asks != needs or (needs and "nodeSelector" not in spec):
                found.append(f"{title(thing)}: image, GPU and node do not fit")
    return found


def addresses(things: Objects) -> list[str]:
    """TRITON_URL is the headless Service's HTTP port, whose pods are the Deployment's."""
    service, deployment = named(things, "Service", "triton", "v1"), named(things, "Deployment", "triton")
    settings = named(things, "ConfigMap", "research-kb-settings")
    if service is None or deployment is None or settings is None:
        return []
    found = []
    where = f"http://triton.{service['metadata']['namespace']}.svc.cluster.local:8000"
    if settings["data"].get("TRITON_URL") != where:
        found.append(f"{title(settings)}: TRITON_URL is not {where}")
    if service["spec"].get("clusterIP") != "None":
        found.append(f"{title(service)}: clients would stay with one pod")
    if not service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items():
        found.append(f"{title(service)}: it selects no pod of the Deployment")
    return found
