"""The default embedder equals sentence-transformers'."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from triton_models.runtime.embedding import Embedder
from triton_models.runtime.encoder import Encoder
from triton_models.runtime.reranking import LateInteraction

DATA = Path(__file__).parents[2] / "data"
TEXTS: dict[str, str] = json.loads((DATA / "reference_texts.json").read_text())


def _embed(home: Path, graph: str, threads: int = 1) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    encoder = Encoder(home / "models" / "all-MiniLM-L6-v2", graph, max_tokens=256, threads=threads)
    return Embedder(encoder).embed(list(TEXTS.values()))


def test_vectors_equal_sentence_transformers(home: Path) -> None:
    """Every number is within 1e-5 of the stored vectors (sentence-transformers, 256 tokens, normalised)."""
    stored: dict[str, list[float]] = json.loads((DATA / "reference_vectors.json").read_text())
    vectors, _ = _embed(home, "model.onnx", threads=2)
    for name, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, stored[name], atol=1e-5, err_msg=name)


def test_quantised_vectors_stay_close(home: Path) -> None:
    """int8 weights keep every cosine above .975, empty and odd texts included (real queries: .994 on average)."""
    exact, _ = _embed(home, "model.onnx", threads=2)
    quantised, _ = _embed(home, "model.int8.onnx")
    cosines = (exact * quantised).sum(axis=1)
    assert cosines.min() > 0.975
    assert cosines.mean() > 0.985
    np.testing.assert_allclose(np.linalg.norm(quantised, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("graph", ["model.onnx", "model.int8.onnx"])
def test_vector_does_not_depend_on_its_neighbours(home: Path, graph: str) -> None:
    """A text alone and among others gives the same bytes, so that a query's vector is reproducible."""
    together, _ = _embed(home, graph)
    encoder = Encoder(home / "models" / "all-MiniLM-L6-v2", graph, max_tokens=256)
    alone = np.concatenate([Embedder(encoder).embed([text])[0] for text in TEXTS.values()])
    assert alone.tobytes() == together.tobytes()


def test_only_the_long_text_is_cut(home: Path) -> None:
    """The flag says which texts exceed 256 tokens."""
    _, truncated = _embed(home, "model.onnx", threads=2)
    assert [name for name, cut in zip(TEXTS, truncated, strict=True) if cut[0]] == ["beyond_256_tokens"]


def test_late_interaction_prefers_the_answer(home: Path) -> None:
    """A passage on the subject scores above one that is not; a text without words scores lowest."""
    encoder = Encoder(home / "models" / "all-MiniLM-L6-v2", "model.int8.onnx", max_tokens=256, threads=2)
    documents = ["Bananas are yellow.", TEXTS["sentence"], ""]
    scores = LateInteraction(encoder).score("Which effect do instrumental variables identify?", documents)
    assert list(np.argsort(-scores)) == [1, 0, 2]
    assert scores[2] == -1
