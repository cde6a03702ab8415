"""Events as API Gateway, load balancers and MSK give them to Lambda, made from recorded ones."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from events.cloudevents import CloudEvent

FOLDER = Path(__file__).parents[1] / "data" / "lambda"


def recorded(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return event


def request_event(
    kind: str, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | str | None = None
) -> dict[str, Any]:
    """Return the event of `kind` (api_gateway_v1, api_gateway_v2, alb) for a request; bytes travel as base64."""
    event = recorded(kind)
    path, _, query = path.partition("?")
    if kind == "api_gateway_v2":
        event |= {"rawPath": path, "rawQueryString": query, "routeKey": f"{method} {path}"}
        event["requestContext"]["http"] |= {"method": method, "path": path}
        event["headers"] |= {name.lower(): value for name, value in (headers or {}).items()}
    else:
        pairs = parse_qsl(query)
        event |= {"httpMethod": method, "path": path}
        event["queryStringParameters"] = dict(pairs) or event["queryStringParameters"]
        event["headers"] |= headers or {}
        if kind == "api_gateway_v1":
            event["multiValueHeaders"] |= {name: [value] for name, value in (headers or {}).items()}
            event["multiValueQueryStringParameters"] = {name: [value] for name, value in pairs} or None
    if isinstance(body, bytes):
        event |= {"body": b64encode(body).decode(), "isBase64Encoded": True}
    elif body is not None:
        event["body"] = body
    return event


def body_of(answer: dict[str, Any]) -> bytes:
    """Return the body that a client gets."""
    body: str = answer["body"]
    return b64decode(body) if answer["isBase64Encoded"] else body.encode()


def headers_of(answer: dict[str, Any]) -> dict[str, str]:
    """Return an answer's headers, whichever of Lambda's two forms they are in."""
    several = {name: values[0] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    return {**several, **(answer.get("headers") or {})}


def kafka_event(*records: dict[str, Any]) -> dict[str, Any]:
    """Return the MSK event with these records, grouped as Lambda does."""
    event = recorded("msk")
    event["records"] = {}
    for record in records:
        event["records"].setdefault(f"{record['topic']}-{record['partition']}", []).append(record)
    return event


def kafka_record(
    topic: str, partition: int, offset: int, event: CloudEvent | None, value: bytes = b""
) -> dict[str, Any]:
    """Return one record with the event, or with `value` and nothing else."""
    headers, key = list[tuple[str, bytes]](), None
    if event is not None:
        headers, value, key = event.to_kafka()
    signed = [{name: [b - 256 if b > 127 else b for b in text]} for name, text in headers]
    record: dict[str, Any] = recorded("msk")["records"]["research-kb.documents-0"][0]
    return record | {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "key": b64encode(key).decode() if key else None,
        "value": b64encode(value).decode(),
        "headers": signed,
    }


class Context:
    """What Lambda passes beside the event."""

    function_name = "research-kb"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def __init__(self, left_ms: int = 60_000) -> None:
        self._left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms
