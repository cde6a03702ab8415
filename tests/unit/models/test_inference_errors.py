"""The client tells what may succeed later from what never will."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from shared.http_client import HttpClient
from shared.inference import Inference, InferenceRefused, InferenceUnavailable

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """A server that answers every connection by `answer`; its address."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def reply(status: int, body: bytes, headers: str = "") -> bytes:
    """A whole HTTP response."""
    return f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answering(response: bytes) -> Answer:
    """Give `response` to every request of a connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await _read_request(reader):
            writer.write(response)
        writer.close()

    return answer


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
    return head + await reader.readexactly(length)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (reply(503, b'{"error":"Exceeds maximum queue size"}'), InferenceUnavailable),
        (reply(500, b""), InferenceUnavailable),
        (reply(429, b"{}"), InferenceUnavailable),
        (reply(400, b'{"error":"Request for unknown model: x has no available versions"}'), InferenceUnavailable),
        (reply(400, b'{"error":"unexpected shape for input TEXT"}'), InferenceRefused),
        (reply(200, b"{}"), InferenceUnavailable),
        (reply(200, b"{}", "Inference-Header-Content-Length: 2\r\n"), InferenceUnavailable),
        (b"nonsense\r\n\r\n", InferenceUnavailable),
    ],
)
async def test_answers_are_sorted_by_whether_to_try_again(response: bytes, error: type[Exception]) -> None:
    """Overload and absence are 503 for our caller, a refused input is 422."""
    async with serving(answering(response)) as url:
        with pytest.raises(error):
            await Inference(url, timeout_s=2).rerank("query", ["document"])


async def test_silence_ends_at_the_timeout() -> None:
    """A server that accepts and says nothing costs no more than the time given."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with serving(silent) as url:
        with pytest.raises(InferenceUnavailable, match=r"no answer within 0\.1 s"):
            await Inference(url, timeout_s=0.1).ready()


async def test_absent_server_is_unavailable() -> None:
    """Nothing listens: unavailable at once."""
    with pytest.raises(InferenceUnavailable):
        await Inference("http://127.0.0.1:9").ready()


async def test_connection_closed_while_idle_is_replaced() -> None:
    """A server that closes after each answer without saying so loses no request."""
    closed: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read_request(reader)
        writer.write(reply(200, b"ok"))
        await _read_request(reader)  # the second request on this connection meets its end
        writer.close()
        closed.append(1)

    async with serving(answer) as url:
        client = HttpClient(url)
        bodies = [(await client.request("GET", "/", timeout_s=2)).body for _ in range(4)]
        await client.close()
    assert bodies == [b"ok"] * 4
    assert closed


async def test_late_answer_is_not_taken_for_the_next() -> None:
    """After a timeout the connection is dropped, so that answers never shift by one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _read_request(reader):
            path = request.split(b" ")[1]
            await asyncio.sleep(0.2 if path == b"/slow" else 0)
            writer.write(reply(200, path))
        writer.close()

    async with serving(answer) as url:
        client = HttpClient(url)
        with pytest.raises(TimeoutError):
            await client.request("GET", "/slow", timeout_s=0.05)
        await asyncio.sleep(0.3)
        assert (await client.request("GET", "/fast", timeout_s=2)).body == b"/fast"
        await client.close()


async def test_answers_in_pieces_are_whole() -> None:
    """Chunked bodies and answers cut anywhere are put together."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read_request(reader)
        message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        for at in range(0, len(message), 7):
            writer.write(message[at : at + 7])
            await asyncio.sleep(0.002)

    async with serving(answer) as url:
        client = HttpClient(url)
        assert (await client.request("GET", "/", timeout_s=2)).body == b"abcdefg"
        await client.close()


@pytest.mark.parametrize("url", ["", "triton:8000", "grpc://triton:8001", "http://"])
async def test_address_must_be_http(url: str) -> None:
    """A wrong TRITON_URL is refused at once, by what it is."""
    with pytest.raises(ValueError, match="no HTTP address"):
        HttpClient(url)


async def test_a_server_that_closed_its_connections_is_asked_again_what_it_serves() -> None:
    """A restarted server may serve another model: what it said before no longer counts."""
    served = ["first", "second"]

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read_request(reader)
        name = served.pop(0) if len(served) > 1 else served[0]
        values = {"model_name": name, "dimension": "384", "max_tokens": "256", "precision": "fp32"}
        parameters = {name: {"string_value": value} for name, value in values.items()}
        writer.write(reply(200, json.dumps({"parameters": parameters}).encode()))
        await writer.drain()
        writer.close()

    async with serving(answer_once) as url:
        inference = Inference(url, timeout_s=2)
        assert (await inference.model("embedder")).model_name == "first"
        async with asyncio.timeout(5):
            # The end of the connection has yet to arrive.
            while (await inference.model("embedder")).model_name == "first":  # noqa: ASYNC110 -- nothing tells of it
                await asyncio.sleep(0.01)
        assert (await inference.model("embedder")).model_name == "second"
        await inference.close()
