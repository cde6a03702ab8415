"""A function's process and what it sends: everything before it ends, and an answer whatever the collector does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from bench.collector import collecting
from tests.conftest import ROOT, free_port

GIVE_UP_S = 60.0
NOBODY = "http://127.0.0.1:1"


@contextmanager
def function(name: str, endpoint: str) -> Iterator[tuple[httpx.Client, "subprocess.Popen[str]"]]:
    """Run one function alone, as a container would, without a database."""
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-token=secret%20token",
        "OTEL_SERVICE_NAME": "kb",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", f"functions.{name}.main:create_app", "--no-access-log"]
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            deadline = time.monotonic() + GIVE_UP_S
            while time.monotonic() < deadline:
                try:
                    client.get("/ready")
                    break
                except httpx.TransportError:
                    time.sleep(0.05)
            yield client, process
    finally:
        process.kill()
        process.wait()


def end(process: "subprocess.Popen[str]") -> list[dict[str, object]]:
    """Ask the function to end; return its log lines."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=GIVE_UP_S)
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_what_waits_is_sent_before_the_process_ends() -> None:
    """SIGTERM right after an answer: its span arrives, with the headers configured, and probes leave none."""
    with collecting() as collector, function("stats", collector.url) as (client, process):
        answer = client.get("/stats", headers={"authorization": "Bearer nonsense"})
        lines = end(process)
        [span] = collector.spans()
    assert answer.status_code == 401
    assert span.trace_id == answer.headers["x-trace-id"] == answer.json()["trace_id"]
    assert (span.service, span.name, span.error) == ("kb-stats", "GET /stats", "")
    assert collector.headers[0]["x-token"] == "secret token"
    [line] = [line for line in lines if line["event"] == "request_served"]
    assert line["trace_id"] == span.trace_id
    assert len(str(line["request_id"])) == 16
    assert not [line for line in lines if "nonsense" in json.dumps(line) or "secret token" in json.dumps(line)]


def test_a_lost_collector_changes_no_answer_and_no_end() -> None:
    """Nobody takes spans: the answer is the same, the process ends by itself, and its log counts what was lost."""
    with function("stats", NOBODY) as (client, process):
        assert client.get("/stats").status_code == 401
        lines = end(process)
    assert process.returncode in {0, -signal.SIGTERM}
    [dropped] = [line for line in lines if line["event"] == "spans_dropped"]
    assert dropped["spans"] == 1
