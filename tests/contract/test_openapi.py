"""The API document: current, complete, and what the running functions do."""

import json
import re
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from local.openapi import OUTPUT, build_document
from tests.conftest import Stack

# One made-up cursor, DOI or query that is well formed and still means nothing is a 422, as documented: that is right.
UNFIT_CHECKS = ["positive_data_acceptance"]
# A browser sends every field of a form, filled in or not: an empty one counts as absent, whatever its length should be.
LENIENT_FORMS = {("POST", "/documents")}
METHODS = {"get", "post", "put", "patch", "delete"}


def committed() -> dict[str, Any]:
    """The document that the health function serves."""
    document: dict[str, Any] = json.loads(OUTPUT.read_text())
    return document


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    return [
        (method, path, operation)
        for path, methods in committed()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_committed_document_is_current() -> None:
    """`python -m local.openapi` would change nothing."""
    assert committed() == build_document(), "run python -m local.openapi and commit functions/health/openapi.json"


@pytest.mark.parametrize(("method", "path", "operation"), operations())
def test_every_operation_is_complete(method: str, path: str, operation: dict[str, Any]) -> None:
    """It says what it does, which key it needs, what it answers, and its refusals are problem documents."""
    assert operation["summary"]
    assert operation["description"]
    assert operation["security"], "only /live, /ready, /openapi.json and /docs answer without a key"
    assert {"401", "403", "429", "503"} <= set(operation["responses"])
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            assert {"RateLimit", "RateLimit-Policy"} <= set(response["headers"])
        else:
            assert "application/problem+json" in response["content"], f"{method} {path} {status}"


def test_every_reference_leads_somewhere() -> None:
    """Merging the functions' documents has lost no schema."""
    document = committed()
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document))):
        assert name in document["components"]["schemas"]


@pytest.mark.stack
def test_nothing_answers_without_a_key(stack: Stack) -> None:
    """Every operation of the document is 401 without a key and with a wrong one, before anything else is looked at."""
    with httpx.Client(base_url=stack.base_url) as client:
        for method, path, _ in operations():
            filled = re.sub(r"\{[^}]+\}", "1", path)
            for headers in ({}, {"Authorization": "Bearer rkb_wrong"}, {"X-API-Key": f"rkb_{'0' * 32}_{'a' * 52}"}):
                response = client.request(method, filled, headers=headers, content=b"{")
                assert response.status_code == 401, f"{method} {filled}"
                assert response.headers["www-authenticate"].startswith("Bearer")
                assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.stack
def test_the_server_serves_the_committed_document(stack: Stack) -> None:
    """The same document in every deployment."""
    assert httpx.get(f"{stack.base_url}/openapi.json").json() == committed()


@pytest.fixture(scope="session")
def plentiful_key(stack: Stack) -> str:
    """A key that no made-up request can use up or revoke."""
    limits = {"per_hour": 1_000_000, "concurrent": 1000}
    body = {
        "name": "contract", "tier": "premium", "scopes": ["search", "read", "ingest", "admin"], "limits": limits,
    }  # fmt: skip
    made = httpx.post(f"{stack.base_url}/keys", json=body, headers={"X-API-Key": stack.api_key})
    assert made.status_code == 201, made.text
    key: str = made.json()["key"]
    return key


@schemathesis.serializer("application/x-ndjson")
def serialize_lines(_: Any, value: Any) -> bytes:
    """Send a text as it is, and what was made up to violate the schema as JSON."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


schema = schemathesis.openapi.from_dict(committed())


@pytest.mark.stack
@schema.parametrize()
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_as_documented(case: "schemathesis.Case[Any]", stack: Stack, plentiful_key: str) -> None:
    """Whatever is sent, well formed or not: no 5xx, and status, headers and body are those of the document."""
    headers = {"Authorization": f"Bearer {plentiful_key}"}
    lenient = (case.method, case.path) in LENIENT_FORMS
    excluded: list[Any] = CHECKS.get_by_names([*UNFIT_CHECKS, *(["negative_data_rejection"] if lenient else [])])
    case.call_and_validate(base_url=stack.base_url, headers=headers, excluded_checks=excluded, timeout=30)
