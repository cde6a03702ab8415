"""A real OpenTelemetry collector, with compose's configuration, takes our spans, writes them and counts them."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.trace import WrittenByCollector
from shared.span_export import SpanExporter
from shared.trace_context import Context, new_span_id, new_trace_id
from shared.tracing import SERVER, Span
from tests.conftest import ROOT, free_port

CONFIGURATION = ROOT / "deploy" / "compose" / "collector.yml"
PROGRAM = os.environ.get("RESEARCH_KB_COLLECTOR", "")
GIVE_UP_S = 60.0

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="RESEARCH_KB_COLLECTOR names no collector (deploy/collector/manifest.yaml)"),
    pytest.mark.skipif(not CONFIGURATION.exists(), reason="compose's configuration of a collector is absent"),
]


@contextmanager
def running(folder: Path) -> Iterator[tuple[WrittenByCollector, str]]:
    """Run the collector on ports and files of its own; yield what it writes and where Prometheus would scrape."""
    otlp, scraped, written = free_port(), free_port(), folder / "traces.jsonl"
    text = CONFIGURATION.read_text()
    for production, here in {
        "0.0.0.0:4318": f"127.0.0.1:{otlp}",
        "0.0.0.0:8889": f"127.0.0.1:{scraped}",
        "/var/lib/research-kb/traces.jsonl": str(written),
        "  spanmetrics:\n": "  spanmetrics:\n    metrics_flush_interval: 1s\n",
    }.items():
        assert production in text
        text = text.replace(production, here, 1)
    configuration = folder / "collector.yml"
    configuration.write_text(text)
    log = folder / "collector.log"
    with log.open("wb") as output:
        process = subprocess.Popen([PROGRAM, f"--config={configuration}"], stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{otlp}"
        await_answer(url, process, log)
        yield WrittenByCollector(url, written), f"http://127.0.0.1:{scraped}/metrics"
    finally:
        process.terminate()
        process.wait(30)


def await_answer(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the collector does not listen: {log.read_text()}")


def make_span(name: str) -> Span:
    """Return a finished span with an attribute of each type."""
    span = Span(name, SERVER, Context(new_trace_id(), new_span_id(), sampled=True, function="search"), "", {})
    span.attributes |= {"text": "ünï", "count": 7, "share": 0.5, "yes": True}
    span.end_ns = span.start_ns + 1_500_000
    return span


def test_a_real_collector_takes_and_writes_every_field(tmp_path: Path) -> None:
    """What the collector writes is what was sent; its metrics count the spans by service and name."""
    sent = make_span("POST /search")
    sent.error = "HTTP 503"
    with running(tmp_path) as (collector, scraped):
        exporter = SpanExporter(collector.url, {}, "research-kb", {})
        exporter.add(sent)
        assert exporter.flush(GIVE_UP_S)
        [got] = collector.await_trace(sent.context.trace_id, "POST /search", timeout_s=GIVE_UP_S)
        counted = await_count(scraped, "traces_calls_total", 1)
    assert (got.service, got.span_id, got.kind) == ("research-kb-search", sent.context.span_id, SERVER)
    assert (got.start_ns, got.end_ns, got.error) == (sent.start_ns, sent.end_ns, "HTTP 503")
    assert got.attributes == {"text": "ünï", "count": "7", "share": 0.5, "yes": True}
    assert 'service_name="research-kb-search"' in counted
    assert 'span_name="POST /search"' in counted


def await_count(url: str, name: str, value: int) -> str:
    """Return the sample of a counter once it has `value`; it begins with 0."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        samples = [line for line in httpx.get(url).text.splitlines() if line.startswith(name)]
        if samples and samples[0].endswith(f" {value}"):
            return samples[0]
        time.sleep(0.2)
    raise AssertionError(f"{name} does not reach {value} at {url}")
