"""Environment variables: each is a setting of that function, has a value that it takes, and none is missing."""

import importlib
import os
from functools import cache
from unittest import mock

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from events.bridge.settings import BridgeSettings
from shared.settings import Settings
from tests.manifests.objects import Objects, containers, function_of, functions, image_name, is_ours, named, title
from tests.manifests.rendering import ROOT, Object

# Read by the object store's driver and by what is no function.
OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION",
          "AWS_ALLOW_HTTP"}  # fmt: skip
PLACEHOLDER = "postgresql://user:password@host/database"


@cache
def settings_class(function: str) -> type[BaseSettings]:
    """Return the settings that a function reads."""
    if not (ROOT / "functions" / function / "settings.py").is_file():
        return Settings
    module = importlib.import_module(f"functions.{function}.settings")
    own = [each for each in vars(module).values()
           if isinstance(each, type) and issubclass(each, Settings) and each is not Settings]  # fmt: skip
    return own[0]


def _sources(things: Objects, container: Object) -> dict[str, str]:
    """Return each variable with its value; a placeholder for what a Secret holds."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        for kind, key, field in (("ConfigMap", "configMapRef", "data"), ("Secret", "secretRef", "stringData")):
            if key in source:
                thing = named(things, kind, source[key]["name"])
                found |= (thing or {}).get(field, {})
    for item in container.get("env", []):
        found[item["name"]] = item.get("value", PLACEHOLDER)
    return found


def _complaints(name: str, settings: type[BaseSettings], given: dict[str, str]) -> list[str]:
    known = {field.upper() for field in settings.model_fields}
    known |= {f"{field}_FILE" for field in known} | OTHERS
    found = [f"{name}: {variable} is no setting" for variable in sorted(given.keys() - known)]
    try:
        with mock.patch.dict(os.environ, given, clear=True):
            settings()
    except (ValidationError, ValueError) as exc:
        found.append(f"{name}: the settings cannot be read: {str(exc)[:300]}")
    return found


def environment(things: Objects) -> list[str]:
    """Every variable of a function or of the bridge is a setting of it, with a value; required ones have a source."""
    found = []
    for thing in functions(things):
        for container in thing["spec"]["template"]["spec"]["containers"]:
            found += _complaints(title(thing), settings_class(function_of(thing)), _sources(things, container))
    for thing, container in containers(things):
        if is_ours(container) and image_name(container) == "bridge":
            found += _complaints(title(thing), BridgeSettings, _sources(things, container))
        if is_ours(container) and image_name(container) == "cli":
            found += [f"{title(thing)}: {name} is not read" for name in _sources(things, container).keys()
                      - {"DATABASE_URL"}]  # fmt: skip
    return found
