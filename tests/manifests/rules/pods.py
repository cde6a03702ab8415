"""What a function's pod must be: probes, concurrency, timeouts, security, nothing behind a cluster's flag."""

from local.gateway import EVENT_FUNCTIONS
from tests.manifests.objects import (
    Objects,
    annotations,
    containers,
    function_of,
    functions,
    is_ours,
    of_kind,
    pod,
    title,
)

# Off in a cluster as installed (config-features), or refused always.
FLAGGED_POD = {"nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName",
               "hostAliases", "initContainers", "securityContext", "dnsPolicy", "dnsConfig", "schedulerName",
               "runtimeClassName", "shareProcessNamespace", "hostNetwork", "hostPID", "hostIPC",
               "terminationGracePeriodSeconds"}  # fmt: skip
FLAGGED_CONTAINER = {"lifecycle", "stdin", "tty", "resizePolicy"}
FLAGGED_VOLUMES = {"persistentVolumeClaim", "hostPath", "csi", "nfs"}
SECURITY = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}


def flags(things: Objects) -> list[str]:
    """No field of a Knative Service needs a feature flag of the cluster."""
    found = []
    for thing in functions(things):
        spec = pod(thing) or {}
        found += [f"{title(thing)}: {name} needs a feature flag" for name in sorted(FLAGGED_POD & spec.keys())]
        for volume in spec.get("volumes", []):
            found += [f"{title(thing)}: volume {name} needs a feature flag" for name in FLAGGED_VOLUMES & volume.keys()]
        for container in spec["containers"]:
            found += [f"{title(thing)}: {name} is refused" for name in FLAGGED_CONTAINER & container.keys()]
            for item in container.get("env", []):
                if {"fieldRef", "resourceFieldRef"} & item.get("valueFrom", {}).keys():
                    found.append(f"{title(thing)}: {item['name']} from a field needs a feature flag")
    return found


def probes(things: Objects) -> list[str]:
    """A function is ready by /ready, asked at Knative's own fast pace, and alive by /live."""
    found = []
    for thing in functions(things):
        for container in (pod(thing) or {})["containers"]:
            ready, live = container.get("readinessProbe", {}), container.get("livenessProbe", {})
            if ready.get("httpGet", {}).get("path") != "/ready":
                found.append(f"{title(thing)}: the readiness probe does not ask /ready")
            if ready.get("periodSeconds", 0) != 0:
                found.append(f"{title(thing)}: periodSeconds makes a cold start wait for whole seconds")
            if live.get("httpGet", {}).get("path") != "/live":
                found.append(f"{title(thing)}: the liveness probe does not ask /live")
            if [port.get("containerPort") for port in container.get("ports", [])] != [8080]:
                found.append(f"{title(thing)}: functions listen on 8080")
    return found


def concurrency(things: Objects) -> list[str]:
    """HTTP functions take 20 to 40 requests at once, event functions, which work in batches, 1 to 4."""
    found = []
    for thing in functions(things):
        given = thing["spec"]["template"]["spec"].get("containerConcurrency", 0)
        low, high = (1, 4) if function_of(thing) in EVENT_FUNCTIONS else (20, 40)
        if not low <= given <= high:
            found.append(f"{title(thing)}: containerConcurrency {given} is not within {low} and {high}")
    return found


def timeouts(things: Objects) -> list[str]:
    """A revision's timeout is its pods' grace: a minute at least, or shutdown is cut off; ten at most."""
    found = []
    for thing in functions(things):
        given = thing["spec"]["template"]["spec"].get("timeoutSeconds", 0)
        if not 60 <= given <= 600:
            found.append(f"{title(thing)}: timeoutSeconds {given} is not within 60 and 600")
    return found


def security(things: Objects) -> list[str]:
    """Our containers run without root, writes, capabilities and a token of the cluster, within limits."""
    found = []
    for thing, container in containers(things):
        if not is_ours(container):
            continue
        spec = pod(thing) or {}
        context = spec.get("securityContext", {}) | container.get("securityContext", {})
        found += [f"{title(thing)}: {name} is not {value}" for name, value in SECURITY.items()
                  if context.get(name) is not value]  # fmt: skip
        if context.get("capabilities", {}) != {"drop": ["ALL"]}:
            found.append(f"{title(thing)}: capabilities are not all dropped")
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            found.append(f"{title(thing)}: there is no seccomp profile")
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            found.append(f"{title(thing)}: a token or every service's address is put into the pod")
        limits, requests = container["resources"].get("limits", {}), container["resources"].get("requests", {})
        if "memory" not in limits or not {"cpu", "memory"} <= requests.keys():
            found.append(f"{title(thing)}: requests or the memory limit are missing")
        if "/tmp" not in [mount["mountPath"] for mount in container.get("volumeMounts", [])]:
            found.append(f"{title(thing)}: nothing writable at /tmp")
    return found


def visibility(things: Objects) -> list[str]:
    """Event functions are reached within the cluster alone, and behind a Gateway so is every other function."""
    gateway = bool(of_kind(things, "Gateway"))
    found = []
    for thing in functions(things):
        local = thing["metadata"]["labels"].get("networking.knative.dev/visibility") == "cluster-local"
        if local != (gateway or function_of(thing) in EVENT_FUNCTIONS):
            found.append(f"{title(thing)}: visibility does not fit what it is")
        if any(key.startswith("networking.knative.dev/") for key in annotations(thing)):
            found.append(f"{title(thing)}: visibility is a label of the Service, not of the revision")
    return found
