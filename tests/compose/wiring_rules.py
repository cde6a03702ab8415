"""What the services of docker-compose.prod.yml have to agree on with the code and with each other."""

import importlib
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic_settings import BaseSettings

from events.bridge.settings import BridgeSettings
from events.bridge.subscriptions import SUBSCRIPTIONS, address
from local.dispatch import PUBLIC
from shared.settings import Settings
from tests.compose.document import EVENT_FUNCTIONS, ONE_SHOTS, Deployment, expected_functions

PORT = 8080
"""Where every function and the bridge listen in their images."""
SPARE_CONNECTIONS = 20
"""Of Postgres: the bridge, one-shots, a backup, somebody who looks in."""
# Read by the driver of the object store itself.
OBJECT_STORE = {"AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
SMALL_BODY = 2**20


def breaches(given: Deployment) -> Iterator[str]:
    """Yield every breach of the rules about several services."""
    for name, image in given.own().items():
        if image in expected_functions() | {"bridge"}:
            yield from _environment(given, name)
    yield from _connections(given)
    yield from _order(given)
    yield from _events(given)
    yield from _paths(given)
    yield from _scraped(given)
    yield from _volumes(given)


def settings_of(name: str) -> type[BaseSettings]:
    """Return the class that a function, or the bridge, reads its environment with."""
    if name == "bridge":
        return BridgeSettings
    try:
        module = importlib.import_module(f"functions.{name}.settings")
    except ModuleNotFoundError:
        return Settings
    classes = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Settings)]
    return next((each for each in classes if each is not Settings), Settings)


def _environment(given: Deployment, name: str) -> Iterator[str]:
    fields = settings_of(name).model_fields
    known = {field.upper() for field in fields}
    names = {key.removesuffix("_FILE") for key in given.environment(name)}
    for key in sorted(names - known - OBJECT_STORE):
        yield f"{name}: {key} is no setting of it"
    for field, info in fields.items():
        if info.is_required() and field.upper() not in names:
            yield f"{name}: {field.upper()} is required and missing"
    if "TRITON_URL" in names and given.environment(name)["TRITON_URL"] != "http://triton:8000":
        yield f"{name}: TRITON_URL is not Triton's HTTP port"
    if {"AWS_ACCESS_KEY_ID"} & names and "OBJECT_STORE_URL" not in names:
        yield f"{name}: credentials of an object store that it does not use"


def _connections(given: Deployment) -> Iterator[str]:
    default = Settings.model_fields["database_pool_size"].default
    pools = sum(int(given.environment(name).get("DATABASE_POOL_SIZE", default)) for name in expected_functions()
                if name in given.services)  # fmt: skip
    most = int(given.postgres["max_connections"]) - SPARE_CONNECTIONS
    if pools > most:
        yield f"pools of {pools} connections; Postgres has {most} for them"


def _order(given: Deployment) -> Iterator[str]:
    for name, service in given.services.items():
        for other, rule in service.get("depends_on", {}).items():
            if other not in given.services:
                yield f"{name}: waits for {other}, which is not there"
                continue
            finished = rule["condition"] == "service_completed_successfully"
            if finished != (other in ONE_SHOTS) or rule["condition"] == "service_started":
                yield f"{name}: waits for {other} in the wrong way ({rule['condition']})"
        if name in expected_functions() | {"bridge"} and "migrate" not in service.get("depends_on", {}):
            yield f"{name}: starts before the migrations"


def _events(given: Deployment) -> Iterator[str]:
    bridge = given.environment("bridge")
    if given.kafka["advertised.listeners"] != f"PLAINTEXT://{bridge.get('KAFKA_BOOTSTRAP')}":
        yield "kafka: it tells its clients another address than the bridge's"
    if given.kafka["auto.create.topics.enable"] != "false":
        yield "kafka: a misspelt topic appears"
    if bridge.get("BRIDGE_CREATE_TOPICS", "true") != "true":
        yield "bridge: nobody makes the topics"
    for item in SUBSCRIPTIONS:
        place = urlsplit(address(bridge["INTERNAL_URL"], item.path))
        if place.hostname not in given.services or place.port != PORT:
            yield f"bridge: {item.topic} goes to {place.geturl()}, where nothing listens"
        elif not given.networks(place.hostname) & given.networks("bridge") & {"events"}:
            yield f"bridge: {place.hostname} is on none of its networks"


def _paths(given: Deployment) -> Iterator[str]:
    """Each path to its owner, with its body limit; nothing else."""
    routed, limits = _read_caddyfile(given.caddyfile)
    for segment in sorted(PUBLIC.keys() | routed.keys()):
        if routed.get(segment) != PUBLIC.get(segment):
            yield f"caddy: /{segment} goes to {routed.get(segment)}, not to {PUBLIC.get(segment)}"
    for owner, limit in limits.items():
        if limit != (wanted := _body_limit(owner)):
            yield f"caddy: bodies for {owner} end at {limit} bytes, the function's at {wanted}"
    if f"reverse_proxy {{args.0}}:{PORT}" not in given.caddyfile:
        yield f"caddy: functions listen on {PORT}"
    for owner in set(routed.values()) & given.services.keys():
        if not given.networks("caddy") & given.networks(owner):
            yield f"caddy: {owner} is on none of its networks"


def _read_caddyfile(text: str) -> tuple[dict[str, str], dict[str, int]]:
    """Return owner by first path segment, and body limit by owner."""
    routed: dict[str, str] = {}
    limits: dict[str, int] = {}
    for paths, body in re.findall(r"(?:@\w+ path|handle) (/[^\n{]*?)(?: \{)?\n(.*?)\n\t\}", text, re.S):
        owner = "".join(re.findall(r"import function (\w+)", body))
        routed |= {path.strip("/").split("/")[0]: owner for path in paths.split()}
        limits[owner] = sum(map(int, re.findall(r"import body_limit (\d+)", body)))
    return routed, limits


def _body_limit(function: str) -> int:
    """Return what the function itself takes."""
    fields = settings_of(function).model_fields
    return fields["max_document_bytes"].default + 2**16 if function == "ingest" else SMALL_BODY


def _scraped(given: Deployment) -> Iterator[str]:
    targets = [target.split(":") for job in given.prometheus["scrape_configs"] for each in job["static_configs"]
               for target in each["targets"]]  # fmt: skip
    hosts = {host for host, _ in targets}
    for name in sorted(expected_functions() | {"bridge"}):
        if [name, str(PORT)] not in targets:
            yield f"prometheus: {name} is not scraped"
    for host in sorted(hosts - {"127.0.0.1"}):
        if host not in given.services or "watch" not in given.networks(host):
            yield f"prometheus: {host} is not on the network watch"


def _volumes(given: Deployment) -> Iterator[str]:
    declared = set(given.document["volumes"])
    used = {volume.split(":")[0] for service in given.services.values() for volume in service.get("volumes", [])
            if not volume.startswith(".")}  # fmt: skip
    if declared != used:
        yield f"volumes: {sorted(declared ^ used)} are declared or used, not both"
    for name in EVENT_FUNCTIONS & given.services.keys():
        if given.services[name].get("volumes"):
            yield f"{name}: a function keeps nothing"
