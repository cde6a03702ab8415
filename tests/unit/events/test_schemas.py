"""The JSON Schemas are the contract: examples, an independent validator and our own checks agree on it."""

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from events.cloudevents import CloudEvent, MalformedEvent
from events.topics import TOPIC_OF_TYPE
from events.validate import SCHEMAS, InvalidEvent, load_schema, validate

EXAMPLES = SCHEMAS.parent / "examples"
VALID = sorted(EXAMPLES.glob("*.json"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.json"))


def name(path: Path) -> str:
    return path.stem


@cache
def envelope_validator() -> jsonschema.Draft202012Validator:
    schemas = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    registry: Registry[Any] = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in schemas])
    return jsonschema.Draft202012Validator(load_schema("envelope"), registry=registry)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=name)
def test_schemas_are_valid_draft_2020_12(path: Path) -> None:
    """Every schema follows the meta schema and rests on no format assertion, which validators treat differently."""
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert '"format"' not in path.read_text()


def test_every_type_has_a_schema_and_an_example() -> None:
    """No event type without its schema and at least one example; the envelope knows exactly these types."""
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {*TOPIC_OF_TYPE, "envelope"}
    assert {json.loads(path.read_text())["type"] for path in VALID} == set(TOPIC_OF_TYPE)
    assert set(load_schema("envelope")["properties"]["type"]["enum"]) == set(TOPIC_OF_TYPE)


@pytest.mark.parametrize("path", VALID, ids=name)
def test_examples_are_accepted(path: Path) -> None:
    """Each example passes the envelope's schema with jsonschema, and parsing and validating here, unchanged."""
    document = json.loads(path.read_text())
    envelope_validator().validate(document)
    event = CloudEvent.from_json(document)
    validate(event)
    assert event.to_json() == document


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid_examples_are_refused(path: Path) -> None:
    """Each invalid example is refused by jsonschema and here."""
    document = json.loads(path.read_text())
    assert not envelope_validator().is_valid(document)
    with pytest.raises((MalformedEvent, InvalidEvent)):
        validate(CloudEvent.from_json(document))


VALUES: list[Any] = [
    None,
    True,
    1,
    -1,
    2.5,
    10**9,
    "",
    "x",
    "x" * 300,
    "a/b",
    "s3://b/k",
    [],
    ["x"],
    [1],
    {},
    {"a": None},
]


@pytest.mark.parametrize("path", VALID, ids=name)
def test_both_validators_agree_on_every_mutation(path: Path) -> None:
    """jsonschema and the compiled validator agree on each example with any one field missing or replaced."""
    document = json.loads(path.read_text())
    reference = jsonschema.Draft202012Validator(load_schema(document["type"]))
    fields = load_schema(document["type"])["properties"]
    original = document["data"]
    mutations = [{k: v for k, v in original.items() if k != field} for field in original]
    mutations += [original | {field: value} for field in [*fields, "unknown"] for value in VALUES]
    for data in mutations:
        event = CloudEvent.from_json(document | {"data": data})
        try:
            validate(event)
        except InvalidEvent:
            accepted = False
        else:
            accepted = True
        assert accepted == reference.is_valid(data), data


def test_messages_name_the_place_and_stay_short() -> None:
    """The message of an invalid event names the field and does not repeat a long value."""
    data = {"text": "x" * 100, "year": "y" * 100_000}
    with pytest.raises(InvalidEvent, match="data/year") as caught:
        validate(CloudEvent("1", "/s", "document.submitted", data=data))
    assert len(str(caught.value)) < 2000


SECRET = "Participants reported that"


@pytest.mark.parametrize("path", VALID, ids=name)
def test_messages_quote_no_value(path: Path) -> None:
    """Whatever stands in a wrong place, its text stays out of logs and dead letters."""
    document = json.loads(path.read_text())
    wrong: list[Any] = [SECRET, SECRET * 10, [SECRET], [SECRET, SECRET], {"text": SECRET}, [{"text": SECRET}]]
    fields = load_schema(document["type"])["properties"]
    messages = []
    for data in ({**document["data"], field: value} for field in [*fields, "unknown"] for value in wrong):
        try:
            validate(CloudEvent.from_json(document | {"data": data}))
        except InvalidEvent as exc:
            messages.append(str(exc))
    assert len(messages) > 2 * len(fields)
    assert not [message for message in messages if SECRET in message or "data" not in message]


def test_messages_say_what_is_expected() -> None:
    """Place and expectation are enough to find what is wrong."""
    with pytest.raises(InvalidEvent) as caught:
        validate(CloudEvent("1", "/s", "document.submitted", data={"text": SECRET, "year": SECRET}))
    assert 'data/year: the value is not of type "integer"' in str(caught.value)


def test_validation_costs_less_than_200_microseconds() -> None:
    """Parsing apart, an event's check is cheap beside the request that brought it."""
    event = CloudEvent.from_json(json.loads((EXAMPLES / "document.submitted.text.json").read_text()))
    validate(event)
    started = time.process_time()
    for _ in range(1000):
        validate(event)
    assert (time.process_time() - started) / 1000 < 200e-6
