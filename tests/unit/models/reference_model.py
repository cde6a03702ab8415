"""A BERT forward pass in plain numpy, as the papers write it: what the graphs are checked against."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_erf = np.vectorize(math.erf)
# For each family: the prefix, the layer, and the tensors in the order of the forward pass.
NAMES = {
    "bert": (
        "bert.",
        "encoder.layer.{}.",
        "attention.self.query attention.self.key attention.self.value "
        "attention.output.dense attention.output.LayerNorm intermediate.dense output.dense output.LayerNorm",
    ),
    "distilbert": (
        "distilbert.",
        "transformer.layer.{}.",
        "attention.q_lin attention.k_lin attention.v_lin "
        "attention.out_lin sa_layer_norm ffn.lin1 ffn.lin2 output_layer_norm",
    ),
}
NAMES["roberta"] = ("roberta.", *NAMES["bert"][1:])


class ReferenceModel:
    """Random weights of one family, under the names that its published checkpoints use."""

    def __init__(self, family: str, *, vocabulary: int, labels: int, seed: int = 7) -> None:
        self.family, self.labels = family, labels
        self.hidden, self.inner, self.layers, self.heads, self.positions = 32, 64, 2, 4, 40
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, NDArray[np.float32]] = {}
        self.prefix, self.layer, tensors = NAMES[family]
        self.parts = tensors.split()
        self._fill(vocabulary)

    @property
    def config(self) -> dict[str, Any]:
        """config.json of this model."""
        shared = {
            "model_type": self.family,
            "architectures": [f"{self.family}ForSequenceClassification"],
            "vocab_size": 0,
            "pad_token_id": 1 if self.family == "roberta" else 0,
            "max_position_embeddings": self.positions,
        }
        if self.family == "distilbert":
            return {**shared, "n_layers": self.layers, "n_heads": self.heads, "dim": self.hidden, "activation": "gelu"}
        return {
            **shared,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "hidden_size": self.hidden,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-12,
        }

    def encode(self, ids: list[int], types: list[int]) -> Floats:
        """Token vectors of one text, (tokens, hidden)."""
        first = 2 if self.family == "roberta" else 0
        x = self._get("embeddings.word_embeddings.weight")[ids]
        x = x + self._get("embeddings.position_embeddings.weight")[first : first + len(ids)]
        if self.family != "distilbert":
            x = x + self._get("embeddings.token_type_embeddings.weight")[types]
        x = self._norm(x, "embeddings.LayerNorm")
        for i in range(self.layers):
            q, k, v, out, norm1, inner, outer, norm2 = [self.layer.format(i) + part for part in self.parts]
            x = self._norm(x + self._dense(self._attend(x, q, k, v), out), norm1)
            h = self._dense(x, inner)
            x = self._norm(x + self._dense(h * 0.5 * (1 + _erf(h / math.sqrt(2))), outer), norm2)
        return x

    def score(self, ids: list[int], types: list[int]) -> float:
        """The cross-encoder's logit of one pair."""
        first = self.encode(ids, types)[:1]
        if self.family == "distilbert":
            pooled, last = np.maximum(self._dense(first, "pre_classifier"), 0), "classifier"
        elif self.family == "roberta":
            pooled, last = np.tanh(self._dense(first, "classifier.dense")), "classifier.out_proj"
        else:
            pooled, last = np.tanh(self._dense(first, "pooler.dense")), "classifier"
        return float(self._dense(pooled, last)[0, 0])

    def _fill(self, vocabulary: int) -> None:
        h = self.hidden
        self._set(f"{self.prefix}embeddings.word_embeddings.weight", vocabulary, h)
        self._set(f"{self.prefix}embeddings.position_embeddings.weight", self.positions, h)
        if self.family != "distilbert":
            rows = 1 if self.family == "roberta" else 2
            self._set(f"{self.prefix}embeddings.token_type_embeddings.weight", rows, h)
        self._set_norm(f"{self.prefix}embeddings.LayerNorm")
        for i in range(self.layers):
            sizes = [(h, h)] * 4 + [None, (self.inner, h), (h, self.inner), None]
            for part, size in zip(self.parts, sizes, strict=True):
                name = f"{self.prefix}{self.layer.format(i)}{part}"
                self._set_dense(name, *size) if size else self._set_norm(name)
        heads = {"distilbert": ("pre_classifier", "classifier"), "roberta": ("classifier.dense", "classifier.out_proj")}
        dense, last = heads.get(self.family, ("bert.pooler.dense", "classifier"))
        self._set_dense(dense, h, h)
        self._set_dense(last, self.labels, h)

    def _set(self, name: str, *shape: int) -> None:
        self.tensors[name] = self.random.normal(0, 0.3, shape).astype(np.float32)

    def _set_dense(self, name: str, outputs: int, inputs: int) -> None:
        self._set(f"{name}.weight", outputs, inputs)
        self._set(f"{name}.bias", outputs)

    def _set_norm(self, name: str) -> None:
        self._set(f"{name}.bias", self.hidden)
        self.tensors[f"{name}.weight"] = self.random.uniform(0.5, 1.5, self.hidden).astype(np.float32)

    def _get(self, name: str) -> Floats:
        found = self.prefix + name if self.prefix + name in self.tensors else name
        return self.tensors[found].astype(np.float64)

    def _dense(self, x: Floats, name: str) -> Floats:
        return x @ self._get(f"{name}.weight").T + self._get(f"{name}.bias")

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        normalised: Floats = scaled * self._get(f"{name}.weight") + self._get(f"{name}.bias")
        return normalised

    def _attend(self, x: Floats, query: str, key: str, value: str) -> Floats:
        width = self.hidden // self.heads
        out = np.empty_like(x)
        for head in range(self.heads):
            part = slice(head * width, (head + 1) * width)
            q, k, v = (self._dense(x, name)[:, part] for name in (query, key, value))
            weights = np.exp(q @ k.T / math.sqrt(width))
            out[:, part] = weights / weights.sum(axis=1, keepdims=True) @ v
        return out


MakeModel = Callable[..., tuple[Path, ReferenceModel]]


def pool_mean(tokens: Floats) -> Floats:
    """The mean of token vectors, at length 1."""
    mean = tokens.mean(axis=0)
    pooled: Floats = mean / np.linalg.norm(mean)
    return pooled
