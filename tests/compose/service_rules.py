"""What every service of docker-compose.prod.yml has to say; each rule gives one line for each breach."""

import re
from collections.abc import Iterator

from tests.compose.document import EVENT_FUNCTIONS, ONE_SHOTS, OURS, Deployment, expected_functions, release

# Their processes need no capability at all, but for these.
CAPABILITIES = {"caddy": {"NET_BIND_SERVICE"}, "object-store": {"DAC_OVERRIDE"}}
PUBLISHED_HERE_ONLY = {"prometheus", "grafana"}
ON_EDGE = {"caddy", "prometheus", "grafana"}
INTERNAL = {"events", "data", "watch"}
# Not SENTRY_DSN: by Sentry's own rules it may be public, since it lets its holder send and read nothing.
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN(?!_)|_KEY|DATABASE_URL")
STATEFUL = {"postgres", "kafka", "object-store", "caddy", "prometheus", "grafana"}


def breaches(given: Deployment) -> Iterator[str]:
    """Yield every breach of the rules about single services."""
    for name in given.services:
        yield from _image(given, name)
        yield from _limits(given, name)
        yield from _hardening(given, name)
        yield from _life(given, name)
        yield from _secrets(given, name)
        yield from _exposure(given, name)
    yield from _functions(given)
    for name, network in given.document["networks"].items():
        if name in INTERNAL and not (network or {}).get("internal"):
            yield f"network {name}: it must be internal"
    for name in STATEFUL:
        if not any(":" in volume and not volume.startswith(".") for volume in given.services[name].get("volumes", [])):
            yield f"{name}: its data are in no named volume"


def _image(given: Deployment, name: str) -> Iterator[str]:
    image = given.services[name].get("image", "")
    repository, _, tag = image.rpartition(":")
    if not repository or not re.fullmatch(r"[\w.-]*\d[\w.-]*", tag) or tag == "latest":
        yield f"{name}: the image {image!r} is not pinned by a tag that names a version"
    elif image.startswith(OURS) and tag != release():
        yield f"{name}: the image is of {tag}, the project of {release()}"


def _limits(given: Deployment, name: str) -> Iterator[str]:
    limits = given.services[name].get("deploy", {}).get("resources", {}).get("limits", {})
    for wanted in ("cpus", "memory", "pids"):
        if not limits.get(wanted):
            yield f"{name}: no limit of {wanted}"
    if float(limits.get("cpus") or 0) > 2:
        yield f"{name}: more cpus than a small machine has, which its engine refuses to start"


def _hardening(given: Deployment, name: str) -> Iterator[str]:
    service = given.services[name]
    if service.get("read_only") is not True:
        yield f"{name}: its root file system is not read-only"
    if service.get("cap_drop") != ["ALL"] or not set(service.get("cap_add", [])) <= CAPABILITIES.get(name, set()):
        yield f"{name}: it has capabilities that it does not need"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield f"{name}: it may gain privileges"
    if service.get("privileged") or service.get("network_mode") or service.get("pid"):
        yield f"{name}: it shares what belongs to the host"
    for volume in service.get("volumes", []):
        if volume.startswith((".", "/")) and not volume.endswith(":ro"):
            yield f"{name}: {volume} may be written by the container"


def _life(given: Deployment, name: str) -> Iterator[str]:
    service = given.services[name]
    options = service.get("logging", {}).get("options", {})
    if not (options.get("max-size") and options.get("max-file")):
        yield f"{name}: its log grows without end"
    if name in ONE_SHOTS:
        if service.get("restart") not in {"on-failure", "no"}:
            yield f"{name}: a one-shot that restarts for ever"
        return
    if service.get("restart") != "unless-stopped":
        yield f"{name}: nothing restarts it"
    if "test" not in service.get("healthcheck", {}):
        yield f"{name}: no health check"
    elif "start_interval" in service["healthcheck"]:
        yield f"{name}: start_interval, which engines before 25 refuse"


def _secrets(given: Deployment, name: str) -> Iterator[str]:
    environment = given.environment(name)
    mounted = set(given.services[name].get("secrets", []))
    text = " ".join([*environment.values(), *map(str, given.services[name].get("command") or [])])
    used = set(re.findall(r"/run/secrets/(\w+)", text))
    for key, value in environment.items():
        if SECRET_NAME.search(key) and not key.endswith("_FILE"):
            yield f"{name}: {key} stands in the environment; give it as a file"
        if key.endswith("_FILE") and not value.startswith("/run/secrets/"):
            yield f"{name}: {key} names no secret"
    if name not in {"postgres"} and used != mounted:  # its init script reads the other one
        yield f"{name}: secrets mounted {sorted(mounted)}, used {sorted(used)}"
    for secret in mounted | used:
        if "file" not in given.document["secrets"].get(secret, {}):
            yield f"{name}: the secret {secret} is no file"


def _exposure(given: Deployment, name: str) -> Iterator[str]:
    for port in given.services[name].get("ports", []):
        if name in PUBLISHED_HERE_ONLY and not port.startswith("127.0.0.1:"):
            yield f"{name}: {port} is open to other machines"
        elif name not in PUBLISHED_HERE_ONLY | {"caddy"}:
            yield f"{name}: it publishes {port}; Caddy alone does"
    networks = given.networks(name)
    if "default" in networks:
        yield f"{name}: on the default network, with everything"
    if "edge" in networks and name not in ON_EDGE:
        yield f"{name}: on the network edge"
    if name in EVENT_FUNCTIONS and not networks <= INTERNAL:
        yield f"{name}: an event function on a network that is not internal"


def _functions(given: Deployment) -> Iterator[str]:
    own = given.own()
    for name in sorted(expected_functions()):
        if own.get(name) != name:
            yield f"{name}: a function of the repository without its service and image of the same name"
    unknown = set(own.values()) - expected_functions() - {"bridge", "cli", "triton", "triton-cpu"}
    if unknown:
        yield f"images that nothing builds: {sorted(unknown)}"
