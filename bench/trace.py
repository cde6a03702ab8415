"""The trace of one ingestion and of one search, as trees: what happens, where, in which order, how long.

Starts a stack of its own with tracing on, receives its spans in this process, and takes the stack down again. With
--collector and --written the spans go to a real collector instead and are read from the file that it writes (its file
exporter, format json).
"""

import argparse
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.collector import Collector, SpanRecord, collecting, draw

CHECKOUT = Path(__file__).resolve().parent.parent
DOCUMENT = {
    "title": "Instrumental variables",
    "text": "An instrument moves the treatment and touches the outcome through nothing else.",
    "collection": "bench-trace",
}
QUESTION = {"query": "what does an instrument move", "collection": "bench-trace"}
START_S, STOP_S = 600, 120


class WrittenByCollector(Collector):
    """What a real collector has received, by the file that it writes."""

    def __init__(self, url: str, path: Path) -> None:
        super().__init__(url)
        self._path = path

    def spans(self, trace_id: str | None = None) -> list[SpanRecord]:
        """Return the spans written so far; the last line may not be whole yet."""
        lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
        self.bodies = [line for line in lines if line]
        return super().spans(trace_id)


@contextmanager
def traced_stack(collector_url: str) -> Iterator[tuple[str, str]]:
    """Run an embedded stack that exports to `collector_url`; yield its address and a key."""
    with tempfile.TemporaryDirectory(prefix="rkb-") as folder:
        home = Path(folder) / "home"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {
            "RESEARCH_KB_HOME": str(home),
            "PORT": str(port),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url,
            "OTEL_TRACES_SAMPLER_ARG": "0",  # only what is asked for here
        }
        command = [sys.executable, "-m", "cli.main"]
        up = subprocess.run(
            [*command, "up", "--detach"],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            timeout=START_S,
            check=False,
        )
        try:
            if up.returncode:
                raise SystemExit(f"The stack did not start:\n{up.stderr.decode(errors='replace')[-3000:]}")
            yield f"http://127.0.0.1:{port}", (home / "api-key").read_text().strip()
        finally:
            subprocess.run(
                [*command, "down"], cwd=CHECKOUT, env=environment, capture_output=True, timeout=STOP_S, check=False
            )


def trace_one(
    client: httpx.Client, collector: Collector, path: str, body: dict[str, str], last: str, times: int = 1
) -> str:
    """Send one request in a new trace; return the trace, drawn, once its span named `last` has come."""
    trace_id = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    client.post(path, json=body, headers=headers).raise_for_status()
    spans = collector.await_trace(trace_id, last, times=times)
    return f"POST {path}: trace {trace_id}, {len(spans)} spans\n{draw(spans)}\n"


def run(collector: Collector) -> None:
    """Trace an ingestion and a search; print both."""
    with (
        traced_stack(collector.url) as (url, key),
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
    ):
        client.post("/search", json={"query": "another question"}).raise_for_status()  # opens the connections
        # The source's event goes to refresh and to metrics.
        print(trace_one(client, collector, "/documents", DOCUMENT, "process source.indexed", 2))
        print(trace_one(client, collector, "/search", QUESTION, "POST /search"))


def main() -> int:
    """Trace with the collector given, or one in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collector", help="OTLP/HTTP address of a running collector, like http://127.0.0.1:4318")
    parser.add_argument("--written", type=Path, help="the file that its file exporter writes")
    options = parser.parse_args()
    if (options.collector is None) != (options.written is None):
        parser.error("--collector and --written go together")
    if options.collector:
        run(WrittenByCollector(options.collector, options.written))
        return 0
    with collecting() as collector:
        run(collector)
    return 0


if __name__ == "__main__":
    sys.exit(main())
