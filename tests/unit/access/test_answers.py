"""An answer's last byte waits for the release of what it holds."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from shared.answers import Answer


def make_answer(events: list[Any]) -> Answer:
    """An answer that notes in `events` what goes out and when the release ran."""

    async def send(message: Message) -> None:
        events.append((message["type"].rpartition(".")[2], message.get("body", b"")))

    async def release() -> None:
        await asyncio.sleep(0)
        events.append("released")

    return Answer(send, [(b"ratelimit", b"x")], release)


def start(*headers: tuple[bytes, bytes]) -> Message:
    """The head of a response."""
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def body(data: bytes, *, more: bool = False) -> Message:
    """A part of a response's body."""
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_a_short_answer_goes_out_after_the_release() -> None:
    """Not even the head leaves before: an answer without a body is whole with its head."""
    events: list[Any] = []
    answer = make_answer(events)
    await answer(start())
    await answer(body(b"{}"))
    assert events == ["released", ("start", b""), ("body", b"{}")]


async def test_a_stream_flows_and_only_its_end_waits() -> None:
    """Parts go out as they come; the client cannot have the end before the slot is free."""
    events: list[Any] = []
    answer = make_answer(events)
    await answer(start())
    await answer(body(b"1", more=True))
    await answer(body(b"2", more=True))
    assert events == [("start", b""), ("body", b"1"), ("body", b"2")]
    await answer(body(b""))
    assert events[3:] == ["released", ("body", b"")]


async def test_content_length_tells_which_part_is_the_last() -> None:
    """A client that counts has its answer with the last byte, before the empty part that ends it."""
    events: list[Any] = []
    answer = make_answer(events)
    await answer(start((b"Content-Length", b"4")))
    await answer(body(b"12", more=True))
    await answer(body(b"34", more=True))
    await answer(body(b""))
    assert events == [("start", b""), ("body", b"12"), "released", ("body", b"34"), ("body", b"")]


async def test_headers_are_added() -> None:
    """The budget's headers join those of the handler."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def release() -> None:
        return

    answer = Answer(send, [(b"ratelimit", b"x")], release)
    await answer(start((b"content-type", b"text/plain")))
    await answer(body(b""))
    assert sent[0]["headers"] == [(b"content-type", b"text/plain"), (b"ratelimit", b"x")]


async def test_ending_without_an_answer_releases_once() -> None:
    """A handler that raised has given its slot back, and a second end changes nothing."""
    events: list[Any] = []
    answer = make_answer(events)
    await answer(start())
    await answer.end()
    await answer.end()
    assert events == ["released"]


async def test_a_cancelled_request_still_releases() -> None:
    """Cancelling while the release is under way does not lose it."""
    released = asyncio.Event()

    async def send(message: Message) -> None:
        return

    async def release() -> None:
        await asyncio.sleep(0.02)
        released.set()

    answer = Answer(send, [], release)
    request = asyncio.create_task(answer.end())
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    async with asyncio.timeout(1):
        await released.wait()
