"""One ingestion and one search are each one trace, from the HTTP request to the last event function."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from bench.collector import Collector, SpanRecord, draw
from tests.conftest import Api, Stack

pytestmark = pytest.mark.stack

SECRET_WORDS = "xylophagan heliotrope"


def traceparent(sampled: bool = True) -> tuple[str, str]:
    """Return a new trace's id and a header that begins it."""
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-0{int(sampled)}"


def named(spans: list[SpanRecord], name: str) -> list[SpanRecord]:
    return [span for span in spans if span.name == name]


def path_up(spans: list[SpanRecord], span: SpanRecord) -> list[str]:
    """Return the names from `span` to its root."""
    by_id = {each.span_id: each for each in spans}
    names = [span.name]
    while span.parent_id in by_id:
        span = by_id[span.parent_id]
        names.append(span.name)
    return names


async def test_an_ingestion_is_one_trace(api: Api, collector: Collector, stack: Stack, collection: str) -> None:
    """From POST /documents over relay, extract, embed to source.indexed at its consumers, each span below its cause."""
    trace_id, header = traceparent()
    document = {"title": "On tracing", "text": SECRET_WORDS, "collection": collection}
    answer = await api.client.post("/documents", json=document, headers={"traceparent": header})
    assert answer.status_code == 202
    assert answer.headers["x-trace-id"] == trace_id
    await api.settled(answer.json()["id"])

    spans = collector.await_trace(trace_id, "process source.indexed", times=2)

    [last] = [span for span in named(spans, "process source.indexed") if span.service == "research-kb-refresh"]
    assert path_up(spans, last) == [
        "process source.indexed", "deliver refresh", "publish research-kb.sources",
        "process passages.extracted", "deliver embed", "publish research-kb.passages",
        "process document.submitted", "deliver extract", "publish research-kb.documents",
        "POST /documents",
    ], draw(spans)  # fmt: skip
    statements = {span.name for span in spans if span.attributes.get("db.system.name")}
    assert {"admit", "end_request", "add_documents", "enqueue", "COMMIT"} <= statements
    assert {"add_passages", "add_embeddings", "finish_document"} <= statements
    [inference] = named(spans, "infer embedder")
    assert path_up(spans, inference)[1] == "process passages.extracted"
    assert {span.service for span in spans} == {
        "research-kb-ingest", "research-kb-extract", "research-kb-embed", "research-kb-refresh",
        "research-kb-metrics", "research-kb-bridge",
    }  # fmt: skip
    assert not [span for span in spans if span.error], draw(spans)


async def test_a_search_is_one_trace_without_its_words(
    api: Api, collector: Collector, stack: Stack, collection: str
) -> None:
    """Admission, both legs, the model server and loading are below the request; query, key and values are nowhere."""
    await api.index(title="Heliotropes", text=f"A {SECRET_WORDS} grows.", collection=collection)
    trace_id, header = traceparent()
    question = {"query": SECRET_WORDS, "collection": collection}
    answer = await api.client.post("/search", json=question, headers={"traceparent": header})
    assert answer.status_code == 200

    spans = collector.await_trace(trace_id, "POST /search")

    [root] = named(spans, "POST /search")
    assert root.attributes["http.response.status_code"] == "200"
    assert {span.parent_id for span in spans if span is not root} == {root.span_id}, draw(spans)
    assert {"admit", "lexical_ranked", "dense_collection", "hits", "infer query_embedder", "end_request"} <= {
        span.name for span in spans
    }, draw(spans)
    received = b"".join(collector.bodies)
    for secret in (*SECRET_WORDS.split(), stack.api_key, stack.api_key.rsplit("_", 1)[-1]):
        assert secret.encode() not in received


async def test_a_trace_that_is_not_sampled_leaves_no_span(api: Api, collector: Collector) -> None:
    """A traceparent that says no is obeyed, and so is the ratio of new traces, 0 on this stack."""
    refused, header = traceparent(sampled=False)
    await api.client.get("/stats", headers={"traceparent": header})
    new = (await api.client.get("/stats")).headers["x-trace-id"]
    taken, header = traceparent()
    await api.client.get("/stats", headers={"traceparent": header})

    collector.await_trace(taken, "GET /stats")

    assert not collector.spans(refused)
    assert not collector.spans(new)


async def test_the_logs_tell_an_ingestion_by_its_trace_id(api: Api, stack: Stack, collection: str) -> None:
    """One line a request, an event and a delivery, each with the trace id; neither text, query nor key in any line."""
    document = {"title": "On logs", "text": f"{SECRET_WORDS} again", "collection": collection}
    answer = await api.client.post("/documents", json=document)
    await api.settled(answer.json()["id"])
    await api.search(SECRET_WORDS, collection=collection)
    trace_id = answer.headers["x-trace-id"]
    delivered = [("event_delivered", name) for name in ("extract", "embed", "refresh", "metrics-sources")]
    handled = [("event_handled", name) for name in ("extract", "embed", "refresh", "metrics")]
    wanted = sorted([("request_served", "ingest"), *handled, *delivered])

    told: list[tuple[str, str]] = []
    async with asyncio.timeout(60):
        while len(told) < len(wanted):
            lines = [line for line in read_logs(stack.home) if line.get("trace_id") == trace_id]
            canonical = [line for line in lines if line["event"] in {name for name, _ in wanted}]
            told = sorted((line["event"], line.get("subscription") or line["function"]) for line in canonical)
            await asyncio.sleep(0.1)

    assert told == wanted
    assert all(line["ce_id"] for line in canonical if line["event"] != "request_served")
    assert {line["outcome"] for line in canonical if line["event"] == "event_handled"} == {"done"}
    text = "".join(path.read_text(errors="replace") for path in log_files(stack.home))
    for secret in (*SECRET_WORDS.split(), stack.api_key.rsplit("_", 1)[-1]):
        assert secret not in text


def log_files(home: Path) -> list[Path]:
    return [home / "logs" / f"{part}.log" for part in ("functions", "bridge")]


def read_logs(home: Path) -> list[dict[str, Any]]:
    lines = [line for path in log_files(home) for line in path.read_text(errors="replace").splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
