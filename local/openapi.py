"""The one OpenAPI document of all HTTP functions, the same in every deployment.

`python -m local.openapi` writes functions/health/openapi.json; a contract test proves that it is current.
"""

import importlib
import json
from pathlib import Path
from typing import Any

from shared.version import VERSION

FUNCTIONS = ("search", "sources", "stats", "ingest", "keys", "health")
OUTPUT = Path(__file__).parent.parent / "functions" / "health" / "openapi.json"
DESCRIPTION = (
    "Search for research literature: passages with page anchors and scores that explain themselves. "
    "Every path needs an API key, as `Authorization: Bearer rkb_...` or `X-API-Key: rkb_...`, "
    "and errors are problem documents (RFC 9457) that say what to do."
)
_SCHEMAS = "#/components/schemas/"


def build_document() -> dict[str, Any]:
    """Return the documents of all functions as one; schemas of the same name that differ get their function's name."""
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "research-kb",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for name in FUNCTIONS:
        _merge(merged, _function_document(name), name)
    merged["paths"] = dict(sorted(merged["paths"].items()))
    merged["components"]["schemas"] = dict(sorted(merged["components"]["schemas"].items()))
    return merged


def _function_document(name: str) -> dict[str, Any]:
    main = importlib.import_module(f"functions.{name}.main")
    settings = _settings_class(name)(database_url="postgresql://nowhere")
    document: dict[str, Any] = main.create_app(settings).openapi()
    return document


def _settings_class(name: str) -> Any:
    """Return the function's own settings class, or the shared one."""
    main = importlib.import_module(f"functions.{name}.main")
    own = [value for key, value in vars(main).items() if key.endswith("Settings") and key != "Settings"]
    return own[0] if own else vars(main)["Settings"]


def _merge(merged: dict[str, Any], document: dict[str, Any], function: str) -> None:
    known = merged["components"]["schemas"]
    schemas = document.get("components", {}).get("schemas", {})
    clashes = {name for name, schema in schemas.items() if name in known and known[name] != schema}
    renamed = {name: f"{function.capitalize()}{name}" if name in clashes else name for name in schemas}
    document = _rename(document, {_SCHEMAS + old: _SCHEMAS + new for old, new in renamed.items()})
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        known[renamed[name]] = schema
    merged["components"]["securitySchemes"].update(document["components"].get("securitySchemes", {}))
    for path, operations in document["paths"].items():
        merged["paths"].setdefault(path, {}).update(operations)


def _rename(value: Any, names: dict[str, str]) -> Any:
    """Return a copy of `value` with the references in `names` replaced."""
    if isinstance(value, dict):
        return {
            key: names.get(item, item) if key == "$ref" and isinstance(item, str) else _rename(item, names)
            for key, item in value.items()
        }
    return [_rename(item, names) for item in value] if isinstance(value, list) else value


def main() -> None:
    """Write the document."""
    OUTPUT.write_text(json.dumps(build_document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
