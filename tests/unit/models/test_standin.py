"""The stand-in speaks the protocol that the client speaks to Triton, and answers what the models answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
import uvicorn

from shared.inference import Inference, InferenceUnavailable
from triton_models.repository import Choice, assemble
from triton_models.runtime.embedding import Embedder
from triton_models.runtime.encoder import Encoder
from triton_models.standin import SERVER_NAME, create_app

TEXT = {"name": "TEXT", "shape": [1, 1], "datatype": "BYTES", "data": ["causal effect"]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(home: Path) -> AsyncIterator[str]:
    """A running stand-in with every model loaded."""
    config = uvicorn.Config(create_app(assemble(Choice(home))), port=0, log_level="warning")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn offers no event
        await asyncio.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address) as client:
        while (await client.get("/v2/health/ready")).status_code != 200:  # noqa: ASYNC110 -- a server to poll
            await asyncio.sleep(0.05)
    yield address
    server.should_exit = True
    await task


@pytest_asyncio.fixture(loop_scope="session")
async def inference(url: str) -> AsyncIterator[Inference]:
    """A client of the stand-in."""
    client = Inference(url)
    yield client
    await client.close()


async def test_passages_come_back_in_order(inference: Inference, home: Path) -> None:
    """Vectors are those of the model, over several requests, one for each text in its place."""
    texts = [f"passage {number} about treatment effects" for number in range(20)]
    encoder = Encoder(home / "models" / "all-MiniLM-L6-v2", "model.onnx", max_tokens=256)
    expected, _ = Embedder(encoder).embed(texts)
    assert b"".join(await inference.embed_passages(texts)) == expected.tobytes()
    assert await inference.embed_passages([]) == []


async def test_query_says_whether_it_was_cut(inference: Inference) -> None:
    """A query's vector has length 1 and knows whether the model read all of it."""
    short, long = await inference.embed_query("causal effect"), await inference.embed_query("word " * 400)
    assert (short.truncated, long.truncated) == (False, True)
    assert np.linalg.norm(np.frombuffer(short, dtype="<f4")) == pytest.approx(1, abs=1e-5)


async def test_reranker_scores_every_document(inference: Inference) -> None:
    """One score a document, the passage on the subject first; no documents, no scores."""
    scores = await inference.rerank("causal effect", ["bananas", "the effect of a cause", ""])
    assert sorted(range(3), key=lambda i: -scores[i]) == [1, 0, 2]
    assert await inference.rerank("causal effect", []) == []


async def test_models_say_what_they_are(inference: Inference) -> None:
    """Name, dimension, limit, precision and method come from the configuration; the server says it is the stand-in."""
    info = await inference.model("reranker")
    assert (info.model_name, info.dimension, info.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert (info.precision, info.method) == ("int8", "late-interaction")
    assert await inference.server() == SERVER_NAME
    assert 0 < await inference.ready() < 1
    with pytest.raises(InferenceUnavailable, match="nope"):
        await inference.model("nope")


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "a" * 1_000_000, "🎲" * 500, "\n" * 3000])
async def test_no_text_breaks_a_model(inference: Inference, text: str) -> None:
    """Empty, broken and very long texts have a vector like any other."""
    vectors = await inference.embed_passages([text, "beside it"])
    assert [len(vector) for vector in vectors] == [1536, 1536]
    assert len(await inference.embed_query(text)) == 1536
    assert len(await inference.rerank(text, [text, "x"])) == 2


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        ({"datatype": "FP32"}, "data-type is 'FP32'"),
        ({"shape": [1]}, "unexpected shape"),
        ({"shape": [2, 1], "data": ["x"] * 2}, "batch-size must be <= 1"),
        ({"data": ["x", "y"]}, "expected 1 string elements"),
        ({"name": "OTHER"}, "unexpected inference input"),
    ],
)
async def test_wrong_input_is_refused(url: str, tensor: dict[str, Any], reason: str) -> None:
    """400 with the reason, as from Triton; the server lives on."""
    async with httpx.AsyncClient(base_url=url) as client:
        path = "/v2/models/query_embedder/infer"
        response = await client.post(path, json={"inputs": [TEXT | tensor]})
        good = await client.post(path, json={"inputs": [TEXT]})
    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert good.json()["outputs"][0]["shape"] == [1, 384]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff" * 40])
async def test_garbage_is_refused(url: str, body: bytes) -> None:
    """What is no request gets 400, whatever the header says about its length."""
    async with httpx.AsyncClient(base_url=url) as client:
        for headers in ({}, {"Inference-Header-Content-Length": "7"}, {"Inference-Header-Content-Length": "x"}):
            response = await client.post("/v2/models/embedder/infer", content=body, headers=headers)
            assert response.status_code == 400
        assert (await client.post("/v2/models/nope/infer", content=body)).status_code == 404
