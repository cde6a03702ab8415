"""deploy/lambda/template.yaml: valid, and of one mind with the code."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from events.aws.settings import LambdaSettings
from events.topics import TOPICS
from tests.aws.sam_template import ROOT, TEMPLATE, functions_of, handler_of, of_type

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
MOST_CONNECTIONS = 400
"""What docs/deploy-lambda.md asks of the pooler."""
POOL, DOOR = 2, 1


def lint(path: Path) -> str:
    """Return what cfn-lint, which expands the SAM transform, has to say."""
    command = [Path(sys.executable).with_name("cfn-lint"), path]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False).stdout.strip()


def test_the_template_is_valid(tmp_path: Path) -> None:
    """The linter finds nothing; and of planted mistakes it finds each."""
    assert lint(TEMPLATE) == ""
    text = re.sub(r"MemorySize: \d+", "MemorySize: 1", TEMPLATE.read_text(), count=1)
    text = re.sub(r"MaximumPollers: \d+", "MaximumPollers: many", text, count=1)
    planted = tmp_path / "template.yaml"
    planted.write_text(text)
    said = lint(planted)
    assert "1 is less than the minimum of 128" in said
    assert "'many' is not of type 'integer'" in said


def test_every_function_is_there_with_its_own_image(resources: dict[str, Any]) -> None:
    """One function each, built from one Dockerfile with its own name."""
    assert sorted(functions_of(resources)) == FUNCTIONS
    for item in resources.values():
        if item["Type"] == "AWS::Serverless::Function":
            name = handler_of(item["Properties"])
            assert item["Metadata"]["DockerBuildArgs"] == {"FUNCTION": name}
            assert (TEMPLATE.parent / item["Metadata"]["DockerContext"] / item["Metadata"]["Dockerfile"]).is_file()


@pytest.mark.parametrize("name", ["health", "ingest", "keys", "search", "sources", "stats"])
def test_the_api_has_each_functions_routes(
    resources: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every documented route leads to its function, and no other."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    app = importlib.import_module(f"functions.{name}.main").create_app()
    documented = {
        (method, re.sub(r":\w+}", "+}", route.path))  # whatever convertor takes slashes
        for route in app.router.routes
        if isinstance(route, APIRoute) and (route.include_in_schema or route.path in ("/openapi.json", "/docs"))
        for method in route.methods or ()
    }
    events = functions_of(resources)[name]["Events"].values()
    assert {(event["Properties"]["Method"], event["Properties"]["Path"]) for event in events} == documented


def test_batches_fail_in_part_and_end_somewhere(resources: dict[str, Any]) -> None:
    """Each mapping is in provisioned mode, reports failures in part, and has an end; topics are ours, groups unique."""
    mappings = of_type(resources, "AWS::Lambda::EventSourceMapping")
    pairs = {(each["FunctionName"].lower(), *each["Topics"]) for each in mappings.values()}
    assert pairs == {
        ("extract", "research-kb.documents"), ("embed", "research-kb.passages"), ("embed", "research-kb.embeddings"),
        ("refresh", "research-kb.sources"),
        ("metrics", "research-kb.activity"), ("metrics", "research-kb.sources"),
    }  # fmt: skip
    assert {topic for _, topic in pairs} <= set(TOPICS)
    groups = [each["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"] for each in mappings.values()]
    assert len(set(groups)) == len(groups)
    for each in mappings.values():
        assert each["ProvisionedPollerConfig"]["MaximumPollers"] >= 1
        assert each["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert each["MaximumRetryAttempts"] > 0
        assert each["MaximumRecordAgeInSeconds"] > LambdaSettings().lambda_outage_patience_s
        assert each["DestinationConfig"]["OnFailure"]["Destination"] == "Undelivered.Arn"


def test_connections_fit_the_database(resources: dict[str, Any]) -> None:
    """However many environments run, their connections together stay below what the page asks of the pooler."""
    functions = functions_of(resources)
    total = 0
    for each in functions.values():
        is_http = any(event["Type"] == "HttpApi" for event in each.get("Events", {}).values())
        total += each["ReservedConcurrentExecutions"] * (POOL + (DOOR if is_http else 0))
    assert total <= MOST_CONNECTIONS, total
    assert str(MOST_CONNECTIONS) in (ROOT / "docs" / "deploy-lambda.md").read_text()
