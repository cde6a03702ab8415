"""The BERT family as one shape: what each published architecture calls its tensors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32]


class UnsupportedModel(ValueError):
    """This model cannot be served as it is; the message says what to do."""


@dataclass(frozen=True)
class Dense:
    """A linear layer, `y = x @ weight + bias`: weight of shape (inputs, outputs), bias (outputs,)."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Norm:
    """A layer normalisation's gain and offset, each of shape (hidden,)."""

    gamma: Tensor
    beta: Tensor


@dataclass(frozen=True)
class Layer:
    """One transformer block, normalised after each half (post-norm)."""

    query: Dense
    key: Dense
    value: Dense
    attended: Dense
    attended_norm: Norm
    inner: Dense
    outer: Dense
    outer_norm: Norm


@dataclass(frozen=True)
class Transformer:
    """Everything between token ids and token vectors.

    `positions` holds one row a token, from the first that the tokeniser's first token gets.
    `segments` is None where the architecture has no token types.
    """

    words: Tensor
    positions: Tensor
    segments: Tensor | None
    norm: Norm
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float


@dataclass(frozen=True)
class Classifier:
    """A cross-encoder's head over the first token: dense, activation, linear."""

    dense: Dense
    activation: str
    output: Dense


@dataclass(frozen=True)
class Names:
    """How an architecture names its tensors; `{i}` is the layer."""

    prefix: str
    layer: str
    query: str
    key: str
    value: str
    attended: str
    attended_norm: str
    inner: str
    outer: str
    outer_norm: str


_BERT = Names(
    prefix="bert",
    layer="encoder.layer.{i}",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attended="attention.output.dense",
    attended_norm="attention.output.LayerNorm",
    inner="intermediate.dense",
    outer="output.dense",
    outer_norm="output.LayerNorm",
)
_ROBERTA = Names(**{**_BERT.__dict__, "prefix": "roberta"})
_DISTILBERT = Names(
    prefix="distilbert",
    layer="transformer.layer.{i}",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attended="attention.out_lin",
    attended_norm="sa_layer_norm",
    inner="ffn.lin1",
    outer="ffn.lin2",
    outer_norm="output_layer_norm",
)
FAMILIES = {
    "bert": _BERT,
    "distilbert": _DISTILBERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
}
# Hugging Face calls the exact (erf) GELU "gelu"; the tanh approximations differ by more than the tolerance.
_ACTIVATIONS = ("gelu",)


@dataclass(frozen=True)
class Checkpoint:
    """A folder's config.json and its tensors, under the names that the file gives them."""

    folder: Path
    config: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def family(self) -> str:
        """The `model_type`, one of FAMILIES."""
        return str(self.config["model_type"])

    @property
    def names(self) -> Names:
        """How this family names its tensors."""
        return FAMILIES[self.family]

    @property
    def is_cross_encoder(self) -> bool:
        """Whether a classification head came with the weights."""
        return any(name.startswith("classifier.") for name in self.tensors)

    def number(self, *keys: str) -> int:
        """The first of `keys` that the configuration has (families disagree about names)."""
        for key in keys:
            if key in self.config:
                return int(self.config[key])
        raise UnsupportedModel(f"{self.folder / 'config.json'} has none of {', '.join(keys)}.")


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read config.json and model.safetensors, half precisions widened to float32.

    Raises: UnsupportedModel when a file is missing or the architecture is not one of FAMILIES.
    """
    config = _read_config(folder)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise UnsupportedModel(
            f"{folder} has no model.safetensors. Pickled weights (pytorch_model.bin) are not read: "
            "save the model again with safetensors, or pull a repository that has onnx/model.onnx."
        )
    return Checkpoint(folder, config, _read_tensors(weights))


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise UnsupportedModel(f"{folder} has no config.json: it is not a model folder of the Hugging Face layout.")
    config: dict[str, Any] = json.loads(path.read_text())
    family = str(config.get("model_type", "unknown"))
    architecture = ", ".join(config.get("architectures") or [family])
    if family not in FAMILIES:
        raise UnsupportedModel(
            f"{architecture} (model_type {family}) is not supported; supported are {', '.join(FAMILIES)}. "
            "Pull a repository that has onnx/model.onnx, or export one with optimum-cli and build from that folder."
        )
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise UnsupportedModel(f"{architecture} uses relative positions; pull a repository that has onnx/model.onnx.")
    activation = config.get("hidden_act", config.get("activation", "gelu"))
    if activation not in _ACTIVATIONS:
        raise UnsupportedModel(
            f"{architecture} uses the activation {activation}, supported is gelu; "
            "pull a repository that has onnx/model.onnx."
        )
    return config


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as exc:
        raise UnsupportedModel(f"{path} is no readable safetensors file: {exc}. Fetch it again.") from exc
    except TypeError as exc:  # numpy has no bfloat16
        raise UnsupportedModel(f"{path} holds a type that numpy lacks ({exc}); save it as float32 or float16.") from exc


class TensorReader:
    """Tensors of one checkpoint by canonical name, whatever prefix the file uses."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        prefix = f"{checkpoint.names.prefix}."
        self._prefix = prefix if any(name.startswith(prefix) for name in checkpoint.tensors) else ""

    def find(self, name: str) -> Tensor | None:
        """The tensor as float32, or None. Older files say gamma and beta for weight and bias."""
        legacy = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        for candidate in (self._prefix + name, name, self._prefix + legacy):
            if candidate in self._checkpoint.tensors:
                return np.ascontiguousarray(self._checkpoint.tensors[candidate], dtype=np.float32)
        return None

    def tensor(self, name: str) -> Tensor:
        """The tensor as float32. Raises: UnsupportedModel when the file lacks it."""
        found = self.find(name)
        if found is None:
            raise UnsupportedModel(
                f"{self._checkpoint.folder / 'model.safetensors'} has no tensor {self._prefix}{name}, which "
                f"{self._checkpoint.family} models have; pull a repository that has onnx/model.onnx."
            )
        return found

    def dense(self, name: str) -> Dense:
        """A linear layer; PyTorch stores (outputs, inputs), the graph multiplies by (inputs, outputs)."""
        return Dense(np.ascontiguousarray(self.tensor(f"{name}.weight").T), self.tensor(f"{name}.bias"))

    def norm(self, name: str) -> Norm:
        """A layer normalisation."""
        return Norm(self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias"))


def read_transformer(checkpoint: Checkpoint) -> Transformer:
    """The encoder's weights in canonical form."""
    read = TensorReader(checkpoint)
    names = checkpoint.names
    positions = read.tensor("embeddings.position_embeddings.weight")
    if names is _ROBERTA:
        # RoBERTa counts positions from padding_idx + 1; padding is at the end, so dropping the rows before does it.
        positions = np.ascontiguousarray(positions[checkpoint.number("pad_token_id") + 1 :])
    count = checkpoint.number("num_hidden_layers", "n_layers")
    return Transformer(
        words=read.tensor("embeddings.word_embeddings.weight"),
        positions=positions,
        segments=read.find("embeddings.token_type_embeddings.weight"),
        norm=read.norm("embeddings.LayerNorm"),
        layers=tuple(_read_layer(read, names, names.layer.format(i=i)) for i in range(count)),
        heads=checkpoint.number("num_attention_heads", "n_heads"),
        epsilon=float(checkpoint.config.get("layer_norm_eps", 1e-12)),
    )


def _read_layer(read: TensorReader, names: Names, at: str) -> Layer:
    return Layer(
        query=read.dense(f"{at}.{names.query}"),
        key=read.dense(f"{at}.{names.key}"),
        value=read.dense(f"{at}.{names.value}"),
        attended=read.dense(f"{at}.{names.attended}"),
        attended_norm=read.norm(f"{at}.{names.attended_norm}"),
        inner=read.dense(f"{at}.{names.inner}"),
        outer=read.dense(f"{at}.{names.outer}"),
        outer_norm=read.norm(f"{at}.{names.outer_norm}"),
    )


def read_classifier(checkpoint: Checkpoint) -> Classifier:
    """The cross-encoder's head in canonical form."""
    read = TensorReader(checkpoint)
    if checkpoint.family == "distilbert":
        head = Classifier(read.dense("pre_classifier"), "Relu", read.dense("classifier"))
    elif checkpoint.names is _ROBERTA:
        head = Classifier(read.dense("classifier.dense"), "Tanh", read.dense("classifier.out_proj"))
    else:
        head = Classifier(read.dense("pooler.dense"), "Tanh", read.dense("classifier"))
    labels = head.output.bias.shape[0]
    if labels != 1:
        raise UnsupportedModel(
            f"{checkpoint.folder.name} answers with {labels} labels: it is a classifier, not a cross-encoder. "
            "A reranker needs one score a pair; choose a model with num_labels 1."
        )
    return head
