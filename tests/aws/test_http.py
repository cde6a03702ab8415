"""Every HTTP function behind API Gateway (v1, v2) and a load balancer, with a real Postgres and moto's S3."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from shared.activity import REFUSALS_EVERY_S
from tests.aws.conftest import Environment
from tests.aws.lambda_events import body_of, headers_of, request_event

pytestmark = pytest.mark.stack
KINDS = ["api_gateway_v1", "api_gateway_v2", "alb"]
JSON = {"Content-Type": "application/json"}
ROOT = Path(__file__).parents[2]
REFUSALS = "SELECT count(*) FROM activity WHERE kind = 'refusals' AND note ->> 'reason' = 'malformed'"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("function", "method", "path", "body", "status"),
    [
        ("search", "POST", "/search", '{"query": "instrumental variables"}', 200),
        ("sources", "GET", "/sources?limit=1", None, 200),
        ("stats", "GET", "/stats?collection=none", None, 200),
        ("health", "GET", "/health", None, 200),
        ("ingest", "GET", "/documents?limit=1", None, 200),
        ("keys", "GET", "/usage", None, 200),
    ],
)
async def test_each_function_answers_each_kind_of_event(
    environment: Environment, functions: dict[str, Any], key: str, kind: str,
    function: str, method: str, path: str, body: str | None, status: int,
) -> None:  # fmt: skip
    """The answer is the function's own, as text; the limits' headers come with it."""
    event = request_event(kind, method, path, {"Authorization": f"Bearer {key}", **JSON}, body)
    answer = await environment.call(functions[function], event)
    assert answer["statusCode"] == status, answer
    assert answer["isBase64Encoded"] is False
    assert isinstance(json.loads(body_of(answer)), dict)
    headers = headers_of(answer)
    assert headers["content-type"].startswith("application/json")
    assert "x-trace-id" in headers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", ["search", "sources", "stats", "health", "ingest", "keys"])
async def test_a_problem_is_text(
    environment: Environment, functions: dict[str, Any], kind: str, function: str
) -> None:
    """Without a key each function answers 401 with a problem document that nobody has to decode."""
    path = {"search": "/search", "ingest": "/documents", "keys": "/usage"}.get(function, f"/{function}")
    method, body = ("POST", "{}") if function == "search" else ("GET", None)
    event = request_event(kind, method, path, JSON, body)
    answer = await environment.call(functions[function], event)
    assert answer["statusCode"] == 401
    assert answer["isBase64Encoded"] is False
    assert headers_of(answer)["content-type"] == "application/problem+json"
    assert json.loads(answer["body"])["status"] == 401


async def test_a_refusal_is_noted_before_the_environment_freezes(
    environment: Environment, functions: dict[str, Any], rows: Any
) -> None:
    """When the handler has returned the row is there, though nothing runs in the environment any more."""
    await asyncio.sleep(REFUSALS_EVERY_S)  # other tests' refusals may have had this second's row
    headers = {"X-API-Key": "no key at all", **JSON}
    before = await rows.fetchval(REFUSALS)
    answer = await environment.call(functions["search"], request_event("alb", "POST", "/search", headers, "{}"))
    assert answer["statusCode"] == 401
    assert await rows.fetchval(REFUSALS) == before + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_ndjson_and_files_come_in(
    environment: Environment, functions: dict[str, Any], key: str, kind: str, rows: Any, aws: str
) -> None:
    """Lines as text, a PDF as base64: both are stored, their bytes in S3."""
    authorization = {"Authorization": f"Bearer {key}"}
    lines = "\n".join(json.dumps({"title": f"Line {uuid.uuid4()}"}) for _ in range(3))
    headers = authorization | {"Content-Type": "application/x-ndjson"}
    answer = await environment.call(functions["ingest"], request_event(kind, "POST", "/documents", headers, lines))
    assert answer["statusCode"] == 202, answer
    assert len(json.loads(answer["body"])["items"]) == 3
    pdf = (ROOT / "sample" / "articles" / "selection-bias-and-colliders.pdf").read_bytes() + uuid.uuid4().bytes
    boundary = "----research-kb"
    form = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="paper.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    ).encode() + pdf + f"\r\n--{boundary}--\r\n".encode()
    headers = authorization | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = await environment.call(functions["ingest"], request_event(kind, "POST", "/documents", headers, form))
    assert answer["statusCode"] == 202, answer
    document = json.loads(answer["body"])["id"]
    object_key = await rows.fetchval("SELECT object_key FROM documents WHERE id = $1", uuid.UUID(document))
    import boto3

    stored = boto3.client("s3").get_object(Bucket="research-kb-documents", Key=f"kb/{object_key}")
    assert stored["Body"].read() == pdf


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_without_a_body(
    environment: Environment, functions: dict[str, Any], key: str, kind: str
) -> None:
    """A key that deletes another: 201, then 204 with nothing in it."""
    authorization = {"Authorization": f"Bearer {key}"}
    asked = json.dumps({"name": "short-lived", "tier": "free", "scopes": ["read"]})
    made = await environment.call(functions["keys"], request_event(kind, "POST", "/keys", authorization | JSON, asked))
    assert made["statusCode"] == 201, made
    path = f"/keys/{json.loads(made['body'])['id']}"
    gone = await environment.call(functions["keys"], request_event(kind, "DELETE", path, authorization))
    assert gone["statusCode"] == 204
    assert gone["body"] == ""


async def test_connections_are_few_and_can_be_closed(
    environment: Environment, functions: dict[str, Any], key: str, rows: Any
) -> None:
    """However many events it answered, a function holds three connections: its pool's two and the door's."""
    event = request_event("api_gateway_v2", "GET", "/stats", {"Authorization": f"Bearer {key}"})
    for _ in range(10):
        assert (await environment.call(functions["stats"], event))["statusCode"] == 200
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lambda'"
    assert await rows.fetchval(count) <= 3 * len(functions)
    before = await rows.fetchval(count)
    assert before > 0
    for handler in functions.values():
        await environment._in_thread(handler.close)
    assert await rows.fetchval(count) == 0
