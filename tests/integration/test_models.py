"""The real tritonserver serves the models: same vectors, bad input survived, overload refused.

TRITON_URL names a running server; without it the session's stack is used.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio

from shared.inference import Inference, InferenceUnavailable

DATA = Path(__file__).parents[1] / "data"
TEXTS: dict[str, str] = json.loads((DATA / "reference_texts.json").read_text())


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """The address of the model server."""
    given = os.environ.get("TRITON_URL")
    return given or str(request.getfixturevalue("stack").triton_url)


@pytest_asyncio.fixture(loop_scope="session")
async def inference(url: str) -> AsyncIterator[Inference]:
    """A client of the model server."""
    client = Inference(url)
    yield client
    await client.close()


async def test_passages_equal_sentence_transformers(inference: Inference) -> None:
    """What is stored is within 1e-5 of the reference vectors, through the whole path."""
    stored: dict[str, list[float]] = json.loads((DATA / "reference_vectors.json").read_text())
    vectors = await inference.embed_passages(list(TEXTS.values()))
    for name, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(np.frombuffer(vector, "<f4"), stored[name], atol=1e-5, err_msg=name)


async def test_query_is_close_to_the_passage_of_the_same_words(inference: Inference) -> None:
    """int8 queries live in the space of the full-precision passages, and know whether they were cut."""
    passages = await inference.embed_passages(list(TEXTS.values()))
    for (name, text), passage in zip(TEXTS.items(), passages, strict=True):
        query = await inference.embed_query(text)
        assert np.frombuffer(query, "<f4") @ np.frombuffer(passage, "<f4") > 0.975, name
        assert query.truncated == (name == "beyond_256_tokens")


async def test_models_agree_on_what_they_are(inference: Inference) -> None:
    """Queries and passages are embedded by one model; the reranker says how it scores."""
    passages, queries = await inference.model("embedder"), await inference.model("query_embedder")
    reranker = await inference.model("reranker")
    assert (passages.model_name, passages.dimension) == (queries.model_name, queries.dimension)
    assert passages.precision == "fp32"
    assert reranker.method in {"cross-encoder", "late-interaction"}
    assert await inference.ready() < 1


async def test_reranker_puts_the_answer_first(inference: Inference) -> None:
    """One score a document; the passage on the subject wins."""
    scores = await inference.rerank("Which effect do instruments identify?", ["Bananas.", TEXTS["sentence"], ""])
    assert scores.index(max(scores)) == 1


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "a" * 1_000_000, "🎲" * 500, "\n" * 3000])
async def test_no_text_ends_a_model(inference: Inference, text: str) -> None:
    """Empty, broken and very long texts have vectors and scores, and the next request is answered."""
    vectors = await inference.embed_passages([text, "beside it"])
    assert len(vectors[0]) == len(vectors[1]) == len(await inference.embed_query(text))
    assert len(await inference.rerank(text, [text, "x"])) == 2


@pytest.mark.parametrize(
    "tensor",
    [
        {"datatype": "FP32", "data": [1.0]},
        {"shape": [1]},
        {"shape": [1, 2], "data": ["x", "y"]},
        {"shape": [500, 1], "data": ["x"] * 500},
        {"name": "OTHER"},
    ],
)
async def test_wrong_input_is_refused(url: str, inference: Inference, tensor: dict[str, Any]) -> None:
    """A tensor of another type or shape gets 400 and harms nobody."""
    good = {"name": "TEXT", "shape": [1, 1], "datatype": "BYTES", "data": ["x"]}
    async with httpx.AsyncClient(base_url=url) as client:
        for model in ("embedder", "query_embedder"):
            response = await client.post(f"/v2/models/{model}/infer", json={"inputs": [good | tensor]})
            assert response.status_code == 400, response.text
    assert await inference.ready() < 1


async def test_bytes_that_are_no_text_are_embedded(url: str) -> None:
    """Invalid UTF-8 in a binary tensor does not end the stub."""
    raw = b"\x04\x00\x00\x00\xff\xfe\x00\x80"
    header = json.dumps(
        {
            "inputs": [
                {"name": "TEXT", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
            ]
        }
    ).encode()
    async with httpx.AsyncClient(base_url=url) as client:
        response = await client.post(
            "/v2/models/query_embedder/infer",
            content=header + raw,
            headers={"Inference-Header-Content-Length": str(len(header))},
        )
    assert response.status_code == 200
    assert "EMBEDDING" in {output["name"] for output in response.json()["outputs"]}


async def test_overload_is_refused_as_unavailable(inference: Inference) -> None:
    """Beyond the queue's length requests are turned away at once; those in the queue are answered."""
    asked = [inference.embed_query(f"query number {number} of a burst") for number in range(400)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(answer, InferenceUnavailable) for answer in refused)
    assert refused
    assert len(refused) < 400
    assert len(await inference.embed_query("afterwards")) == 1536
