"""Contexts, sampling and spans: what is recorded, below what, and what that costs when nothing is."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from shared.database import load_sql, statement_name
from shared.request_span import incoming_context
from shared.trace_context import CURRENT, Context, current_traceparent, parse_traceparent
from shared.tracing import CLIENT, NOTHING, Span, is_sampled, record_to, remote_span, request_span, span

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def recorded() -> Iterator[list[Span]]:
    """The spans that end while everything is recorded."""
    spans: list[Span] = []
    record_to(spans.append)
    yield spans
    record_to(None)


@pytest.mark.parametrize(
    ("header", "sampled"), [(HEADER, True), (HEADER[:-1] + "0", False), (HEADER[:-2] + "03", True)]
)
def test_a_traceparent_is_read(header: str, sampled: bool) -> None:
    """Trace, parent and the sampled flag, whatever other flags say."""
    assert parse_traceparent(header) == Context(TRACE, PARENT, sampled)


@pytest.mark.parametrize(
    "header",
    ["", "x", HEADER.upper(), "ff" + HEADER[2:], f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01",
     HEADER + "-more", HEADER[:-1]],
)  # fmt: skip
def test_a_broken_traceparent_is_none(header: str) -> None:
    """Trace Context, 3.2: what is not valid starts a new trace."""
    assert parse_traceparent(header) is None


def test_a_later_version_may_say_more() -> None:
    """Trace Context, 4.3: the fields known are read, what follows is left."""
    assert parse_traceparent("01" + HEADER[2:] + "-more") == Context(TRACE, PARENT, sampled=True)


def test_off_a_span_is_the_one_that_does_nothing() -> None:
    """Nothing is made while nothing is recorded."""
    assert span("work", CLIENT) is NOTHING
    assert remote_span(HEADER, "work", CLIENT, "bridge") is NOTHING


def test_off_the_incoming_context_travels_on() -> None:
    """Where nothing is recorded, events name the span that came in: what is recorded elsewhere hangs together."""
    with request_span(parse_traceparent(HEADER), "ingest"):
        assert current_traceparent() == HEADER
    assert current_traceparent() is None


async def test_spans_nest_and_tasks_inherit(recorded: list[Span]) -> None:
    """A span belongs to the one entered around it, across tasks; siblings do not see each other."""
    with request_span(parse_traceparent(HEADER), "search") as root:

        async def work(name: str) -> None:
            with span(name):
                await asyncio.sleep(0)
                with span(f"{name}, inside"):
                    await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            group.create_task(work("a"))
            group.create_task(work("b"))
    parents = {each.name: each.parent_id for each in recorded}
    ids = {each.name: each.context.span_id for each in recorded}
    assert parents["a"] == parents["b"] == root.context.span_id
    assert parents["a, inside"] == ids["a"]
    assert parents["b, inside"] == ids["b"]
    assert root.parent_id == PARENT
    assert {each.context.trace_id for each in recorded} == {TRACE}
    assert {each.context.function for each in recorded} == {"search"}
    assert all(each.end_ns >= each.start_ns for each in recorded)


def test_a_failure_is_named_and_not_quoted(recorded: list[Span]) -> None:
    """A span that an exception leaves says its kind; the message, which may quote a query, is not kept."""
    with request_span(None, "search"), pytest.raises(ValueError, match="secret"), span("work"):
        raise ValueError("secret")
    assert [each.error for each in recorded] == ["ValueError", ""]


def test_the_flag_of_a_request_is_obeyed(recorded: list[Span]) -> None:
    """Not sampled upstream: no span here, and the same said downstream. Sampled: recorded at any ratio."""
    with request_span(parse_traceparent(HEADER[:-1] + "0"), "search"):
        assert span("work") is NOTHING
        assert (current_traceparent() or "").endswith("-00")
    assert not recorded
    record_to(recorded.append, 0.0)
    with request_span(parse_traceparent(HEADER), "search"), span("work"):
        pass
    assert len(recorded) == 2


@given(trace_id=st.integers(1, 2**128 - 1), ratio=st.sampled_from([0.0, 0.001, 0.25, 0.5, 1.0]))
def test_new_traces_are_sampled_as_by_the_sdk(trace_id: int, ratio: float) -> None:
    """The decision is OpenTelemetry's TraceIdRatioBased: services with the same ratio agree."""
    record_to(lambda _: None, ratio)
    try:
        expected = TraceIdRatioBased(ratio).should_sample(None, trace_id, "").decision is Decision.RECORD_AND_SAMPLE
        assert is_sampled(f"{trace_id:032x}") is expected
    finally:
        record_to(None)


def test_an_event_goes_on_in_its_own_trace() -> None:
    """The last hop's span counts where it is in the event's trace; a stranger's does not; either alone is taken."""
    own, other = HEADER.encode(), f"00-{'1' * 32}-{PARENT}-01".encode()
    hop = f"00-{TRACE}-{'2' * 16}-01".encode()
    assert incoming_context([(b"traceparent", hop), (b"ce-traceparent", own)]) == parse_traceparent(hop.decode())
    assert incoming_context([(b"traceparent", other), (b"ce-traceparent", own)]) == parse_traceparent(HEADER)
    assert incoming_context([(b"ce-traceparent", own)]) == parse_traceparent(HEADER)
    assert incoming_context([(b"traceparent", hop)]) == parse_traceparent(hop.decode())
    assert incoming_context([(b"traceparent", b"broken")]) is None


async def test_published_events_carry_the_present_trace() -> None:
    """What a request or handler publishes names the work that published it."""
    sent: list[str] = []

    class Connection:
        async def execute(self, _: str, __: list[str], ___: list[str], documents: list[str]) -> None:
            sent.extend(documents)

    event = CloudEvent.new(source="/t", type="source.deleted", data={}, partitionkey="k")
    token = CURRENT.set(Context(TRACE, PARENT, sampled=True))
    try:
        await enqueue(Connection(), [event])  # type: ignore[arg-type]  # the one method that is used
    finally:
        CURRENT.reset(token)
    assert f'"traceparent": "{HEADER}"' in sent[0]


def test_statements_are_named_by_their_files() -> None:
    """The name of a query's file, never its text; of what has no file the first word."""
    assert statement_name(load_sql("shared/access.py", "admit")) == "admit"
    assert statement_name("BEGIN;") == "BEGIN"
    assert statement_name("SELECT 'a secret'") == "SELECT"
