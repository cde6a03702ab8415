"""Programs that a deployment runs once say in one line that the database is away."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOWHERE = "postgresql://ada:hidden@127.0.0.1:1/library"


class ModelServer(BaseHTTPRequestHandler):
    """A model server whose embedder is the default one."""

    def do_GET(self) -> None:
        """Answer with the embedder's configuration."""
        parameters = {
            "model_name": {"string_value": "all-MiniLM-L6-v2"},
            "dimension": {"string_value": "384"},
            "max_tokens": {"string_value": "256"},
            "precision": {"string_value": "fp32"},
        }
        body = json.dumps({"name": "embedder", "parameters": parameters}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def model_server() -> Iterator[str]:
    """The address of a model server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelServer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(module: str, **variables: str) -> tuple[int, str]:
    """Run a module; return its exit code and what it said."""
    environment = {"PATH": os.environ["PATH"], **variables}
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize("module", ["shared.migrate", "shared.serving"])
def test_a_database_away_is_one_line(module: str, model_server: str) -> None:
    """Which one, why and what to do, without a traceback or the password."""
    code, said = run(module, DATABASE_URL=NOWHERE, TRITON_URL=model_server)
    assert code == 1
    assert said.startswith("The database postgresql://ada@127.0.0.1:1/library does not let us in: ")
    assert said.endswith("Start it, or correct DATABASE_URL.")
    assert len(said.splitlines()) == 1
    assert "hidden" not in said


def test_a_missing_setting_is_one_line(model_server: str) -> None:
    """The variable's name and what is wrong with it."""
    assert run("shared.serving", TRITON_URL=model_server) == (1, "DATABASE_URL: Field required")
    code, said = run("shared.migrate")
    assert code == 1
    assert said.startswith("DATABASE_URL is not set")
