"""Graphs written from tensors give what the architecture's definition gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.unit.models.reference_model import MakeModel, pool_mean
from triton_models import installed
from triton_models.architectures import UnsupportedModel
from triton_models.build import build
from triton_models.card import damaged_files, read_card
from triton_models.repository import ensure_embedder
from triton_models.runtime.embedding import Embedder
from triton_models.runtime.encoder import Encoder
from triton_models.runtime.reranking import CrossEncoder

QUERY = "causal effect of treatment"
DOCUMENTS = ["an outcome under randomisation", "treatment is identified", "of", "causal causal unheard effect " * 3]


def _open(home: Path, name: str, graph: str = "model.onnx") -> Encoder:
    card = read_card(home / "models" / name)
    assert card is not None
    return Encoder(home / "models" / name, graph, max_tokens=card.max_tokens, threads=2)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_cross_encoder_scores_as_its_definition(tmp_path: Path, make_model: MakeModel, family: str) -> None:
    """Every document's score equals the plain forward pass's, whatever is scored beside it."""
    folder, model = make_model(family)
    card = build(folder, tmp_path, "tiny")
    encoder = _open(tmp_path, "tiny")
    scores = CrossEncoder(encoder).score(QUERY, DOCUMENTS)
    pairs = [encoder.tokenise(QUERY, document) for document in DOCUMENTS]
    types = [[0] * len(pair.ids) if family == "roberta" else list(pair.types) for pair in pairs]
    expected = [model.score(list(pair.ids), kind) for pair, kind in zip(pairs, types, strict=True)]
    assert card.kind == "cross-encoder"
    assert card.dimension == 0
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_embedder_pools_as_its_definition(tmp_path: Path, make_model: MakeModel, family: str) -> None:
    """Vectors are the mean of the token vectors at length 1, also of padded texts in one batch."""
    folder, model = make_model(family)
    card = build(folder, tmp_path, "tiny", "embedder")
    encoder = _open(tmp_path, "tiny")
    alone, _ = Embedder(encoder).embed(DOCUMENTS)
    encoder.batch_size = 8
    together, _ = Embedder(encoder).embed(DOCUMENTS)
    tokens = [encoder.tokenise(document) for document in DOCUMENTS]
    expected = [pool_mean(model.encode(list(item.ids), [0] * len(item.ids))) for item in tokens]
    assert card.dimension == 32
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    np.testing.assert_allclose(together, expected, atol=1e-5)


def test_longest_input_is_what_the_positions_allow(tmp_path: Path, make_model: MakeModel) -> None:
    """RoBERTa's first two positions are never used, so two tokens less fit; longer texts are cut, not refused."""
    folder, _ = make_model("roberta")
    card = build(folder, tmp_path, "tiny", "embedder")
    vectors, truncated = Embedder(_open(tmp_path, "tiny")).embed(["causal " * 500, "causal"])
    assert card.max_tokens == 38
    assert vectors.shape == (2, 32)
    assert truncated.tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "mpnet", "architectures": ["MPNetModel"]}, "MPNetModel .* not supported; supported are bert"),
        ({"hidden_act": "gelu_new"}, "gelu_new"),
        ({"position_embedding_type": "relative_key"}, "relative positions"),
        ({"num_hidden_layers": 3}, "no tensor bert.encoder.layer.2"),
    ],
)
def test_unsupported_architecture_is_refused_by_name(
    tmp_path: Path, make_model: MakeModel, config: dict[str, object], message: str
) -> None:
    """The refusal names what is not supported and what to do, and leaves nothing behind."""
    folder, _ = make_model("bert", config=config)
    with pytest.raises(UnsupportedModel, match=message) as raised:
        build(folder, tmp_path, "tiny")
    assert "onnx/model.onnx" in str(raised.value)
    assert installed(tmp_path) == []
    assert list((tmp_path / "models").iterdir()) == []


def test_classifier_is_no_cross_encoder(tmp_path: Path, make_model: MakeModel) -> None:
    """A head of three labels scores nothing, and is refused."""
    folder, _ = make_model("bert", labels=3)
    with pytest.raises(UnsupportedModel, match="3 labels"):
        build(folder, tmp_path, "tiny")


def test_unknown_pooling_is_refused(tmp_path: Path, make_model: MakeModel) -> None:
    """Max pooling would be served as a mean otherwise."""
    folder, _ = make_model("bert")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(UnsupportedModel, match="pooling_mode_max_tokens"):
        build(folder, tmp_path, "tiny", "embedder")


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc", "a/b/c", ".hidden", "a/"])
def test_name_stays_in_the_models_folder(tmp_path: Path, make_model: MakeModel, name: str) -> None:
    """No name writes outside the folder models."""
    folder, _ = make_model("bert")
    with pytest.raises(UnsupportedModel, match="no model name"):
        build(folder, tmp_path, name)


def test_damaged_default_is_built_again(home: Path) -> None:
    """A weight file that lost a byte is noticed by its sum and made anew."""
    folder = home / "models" / "all-MiniLM-L6-v2"
    weights = folder / "model.onnx.data"
    weights.write_bytes(weights.read_bytes()[:-1])
    card = ensure_embedder(home, "all-MiniLM-L6-v2")
    assert damaged_files(folder, card) == []
