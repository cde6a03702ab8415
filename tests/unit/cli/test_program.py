"""The program without a server: usage, version, a server that is away, the time it takes to start."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run `research-kb` as a program of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESEARCH_KB_")}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def closed_address() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_version_is_the_projects() -> None:
    """--version prints one line."""
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("research-kb 0.")


def test_a_server_that_is_away_is_said_at_once(closed_address: str) -> None:
    """No traceback: what is away, and what to do; exit code 1."""
    done = run("stats", RESEARCH_KB_URL=closed_address)
    assert done.returncode == 1
    assert closed_address in done.stderr
    assert "what to do" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_json_for_programs(closed_address: str) -> None:
    """With --json the error is one JSON line on stderr and stdout stays empty."""
    done = run("search", "x", "--json", RESEARCH_KB_URL=closed_address)
    assert done.stdout == ""
    assert "does not answer" in json.loads(done.stderr)["title"]


@pytest.mark.parametrize(
    "arguments", [["ingest"], ["ingest", "/nowhere/at-all.pdf"], ["nonsense"], ["eval", "/nowhere"], ["search", " "]]
)
def test_usage_errors_end_with_2(arguments: list[str]) -> None:
    """What can't be run as given ends with exit code 2, before any server is asked."""
    assert run(*arguments, RESEARCH_KB_URL="http://127.0.0.1:9").returncode == 2


def test_help_names_every_command() -> None:
    """The commands that the documentation names are there."""
    shown = run("--help", COLUMNS="200").stdout
    for name in ("up", "down", "status", "logs", "ingest", "search", "eval", "sources", "documents", "keys", "models"):
        assert f" {name} " in shown


def test_starting_loads_no_client() -> None:
    """--version and shell completion load neither the HTTP client nor the model tools: they answer at once."""
    heavy = "{'httpx', 'rich', 'numpy', 'onnx', 'aiohttp', 'asyncpg', 'fastapi', 'pydantic'}"
    script = f"import sys, cli.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
