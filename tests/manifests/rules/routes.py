"""The public host: every path of the API leads to the function that answers it, and nothing else is public."""

import json
import os
from functools import cache
from unittest import mock

from local.gateway import HTTP_FUNCTIONS, create_functions
from tests.manifests.objects import Objects, functions, named, of_kind, title
from tests.manifests.rendering import ROOT, Object

FRAME = {"/live": "health", "/ready": "health", "/openapi.json": "health", "/docs": "health"}
CLOSED = ("/", "/metrics", "/sweep")


@cache
def owners() -> dict[str, str]:
    """Return each public path with the function that answers it."""
    from shared.resources import Resources
    from shared.settings import Settings

    documented = set(json.loads((ROOT / "functions" / "health" / "openapi.json").read_text())["paths"])
    with mock.patch.dict(os.environ, {"DATABASE_URL": "postgresql://localhost/none"}):
        apps = create_functions(Resources(Settings()))
    found = {getattr(route, "path_format", ""): name
             for name in HTTP_FUNCTIONS for route in apps[name].routes}  # fmt: skip
    return {path: found[path] for path in documented} | FRAME


def _function(rule: Object) -> str:
    hosts = [each["urlRewrite"].get("hostname", "") for each in rule.get("filters", []) if "urlRewrite" in each]
    return str(hosts[0]).partition(".")[0] if hosts else ""


def _matches(rule: Object, path: str) -> bool:
    for match in rule.get("matches", []):
        kind, value = match["path"]["type"], match["path"]["value"]
        if path == value or (kind == "PathPrefix" and path.startswith(value.rstrip("/") + "/")):
            return True
    return False


def routes(things: Objects) -> list[str]:
    """HTTPRoute paths are the API's, each to its owner; event functions and metrics have none."""
    found = []
    for route in [each for each in of_kind(things, "HTTPRoute") if "backendRefs" in each["spec"]["rules"][0]]:
        rules = route["spec"]["rules"]
        for path, owner in sorted(owners().items()):
            goes = [_function(rule) for rule in rules if _matches(rule, path)]
            if goes != [owner]:
                found.append(f"{title(route)}: {path} belongs to {owner} and goes to {goes}")
        found += [f"{title(route)}: {path} is public" for path in CLOSED if any(_matches(each, path) for each in rules)]
        for rule in rules:
            if _function(rule) not in HTTP_FUNCTIONS:
                found.append(f"{title(route)}: a rule leads to {_function(rule)!r}, no HTTP function")
            found += _waits(things, route, rule)
    return found


def _waits(things: Objects, route: Object, rule: Object) -> list[str]:
    service = named(functions(things), "Service", _function(rule))
    given = rule.get("timeouts", {}).get("request", "")
    wanted = f"{service['spec']['template']['spec']['timeoutSeconds']}s" if service else ""
    return [] if given == wanted else [f"{title(route)}: {_function(rule)} is waited for {given}, not {wanted}"]


def hosts(things: Objects) -> list[str]:
    """Gateway, routes and certificate speak of one host, over TLS; plain HTTP only leads there."""
    found = []
    for gateway in of_kind(things, "Gateway", "gateway.networking"):
        listeners = gateway["spec"]["listeners"]
        given = {each["hostname"] for each in listeners}
        given |= {host for each in of_kind(things, "HTTPRoute") for host in each["spec"]["hostnames"]}
        given |= {host for each in of_kind(things, "Certificate") for host in each["spec"]["dnsNames"]}
        if len(given) != 1:
            found.append(f"{title(gateway)}: several hosts: {sorted(given)}")
        used = {ref["name"] for each in listeners for ref in each.get("tls", {}).get("certificateRefs", [])}
        if used != {each["spec"]["secretName"] for each in of_kind(things, "Certificate")}:
            found.append(f"{title(gateway)}: its certificate is not the one that is made")
    for route in of_kind(things, "HTTPRoute"):
        plain = any(ref.get("sectionName") != "https" for ref in route["spec"]["parentRefs"])
        if plain and any("backendRefs" in rule for rule in route["spec"]["rules"]):
            found.append(f"{title(route)}: it answers plain HTTP")
        found += _ungranted(things, route)
    return found


def _ungranted(things: Objects, route: Object) -> list[str]:
    here = route["metadata"]["namespace"]
    foreign = {(ref.get("namespace", here), ref["name"]) for rule in route["spec"]["rules"]
               for ref in rule.get("backendRefs", [])}  # fmt: skip
    granted = {(each["metadata"]["namespace"], to["name"]) for each in of_kind(things, "ReferenceGrant")
               for to in each["spec"]["to"] if any(f["namespace"] == here for f in each["spec"]["from"])}  # fmt: skip
    return [f"{title(route)}: no grant for {each}" for each in foreign if each[0] != here and each not in granted]
