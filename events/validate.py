"""Events checked against their JSON Schemas, which are the contract: the same files outside producers read.

Only assertions that every validator makes are relied on: patterns and lengths, never `format`.
"""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.topics import TOPIC_OF_TYPE

if TYPE_CHECKING:
    import jsonschema_rs

SCHEMAS = Path(__file__).parent / "schemas"
_ERRORS_SHOWN = 5
_CHARACTERS_SHOWN = 200
_MASK = "the value"
"""Stands for values in messages, which reach logs and dead letters: what documents say does not belong there."""


class InvalidEvent(ValueError):
    """The event's data does not follow the schema of its type.

    The message names each place and what is expected there, and quotes no value.
    """


@cache
def load_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema `name`: an event type, or `envelope`."""
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return schema


@cache
def _validator(event_type: str) -> "jsonschema_rs.Draft202012Validator":
    """Return the compiled schema of a type. jsonschema_rs takes microseconds where jsonschema takes milliseconds."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(load_schema(event_type), mask=_MASK)


def validate(event: CloudEvent) -> None:
    """Raise InvalidEvent unless the event's type is known and its data follows the schema of the type."""
    if event.type not in TOPIC_OF_TYPE:
        known = ", ".join(sorted(TOPIC_OF_TYPE))
        raise InvalidEvent(f"unknown event type {event.type[:100]!r}; known are {known}")
    validator = _validator(event.type)
    if validator.is_valid(event.data):
        return
    errors = []
    for error in validator.iter_errors(event.data):
        errors.append(f"{_pointer(error.instance_path)}: {_shorten(error.message)}")
        if len(errors) == _ERRORS_SHOWN:
            break
    raise InvalidEvent("; ".join(errors))


def _pointer(path: list[str | int]) -> str:
    return "/".join(["data", *map(str, path)])


def _shorten(message: str) -> str:
    return message if len(message) <= _CHARACTERS_SHOWN else f"{message[:_CHARACTERS_SHOWN]}…"
