"""The graph of a model folder: written from its tensors, or taken from its ONNX export and given our outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from triton_models.architectures import (
    UnsupportedModel,
    read_checkpoint,
    read_classifier,
    read_transformer,
)
from triton_models.card import Kind
from triton_models.graph import GraphWriter, write_cross_encoder, write_encoder, write_pooling
from triton_models.heads import read_json, read_pooling

# Where optimum and the hub put an export.
_EXPORTS = ("onnx/model.onnx", "model.onnx")
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


@dataclass(frozen=True)
class Graph:
    """A graph with the inputs and outputs that `runtime` expects; `dimension` is 0 for a cross-encoder."""

    model: onnx.ModelProto
    kind: Kind
    dimension: int
    positions: int | None
    has_tokens: bool


def read_graph(folder: Path, kind: Kind | None) -> Graph:
    """The folder's graph. Raises: UnsupportedModel, saying what to do."""
    for name in _EXPORTS:
        if (folder / name).is_file():
            return _adapt(folder, folder / name, kind)
    return _write(folder, kind)


def _write(folder: Path, kind: Kind | None) -> Graph:
    checkpoint = read_checkpoint(folder)
    kind = kind or ("cross-encoder" if checkpoint.is_cross_encoder else "embedder")
    transformer = read_transformer(checkpoint)
    positions, hidden = len(transformer.positions), transformer.words.shape[1]
    if kind == "cross-encoder":
        model = write_cross_encoder(transformer, read_classifier(checkpoint))
        return Graph(model, kind, 0, positions, has_tokens=False)
    return Graph(write_encoder(transformer, read_pooling(folder)), kind, hidden, positions, has_tokens=True)


def _adapt(folder: Path, path: Path, kind: Kind | None) -> Graph:
    model = onnx.load(path)
    outputs = {output.name: output for output in model.graph.output}
    _check_inputs(path, model)
    kind = kind or ("cross-encoder" if "logits" in outputs else "embedder")
    if kind == "cross-encoder":
        return _adapt_cross_encoder(folder, path, model)
    tokens = next((name for name in ("token_embeddings", "last_hidden_state") if name in outputs), None)
    if "sentence_embedding" in outputs:
        dimension = _width(folder, outputs["sentence_embedding"])
        _normalise_output(model)
    elif tokens is not None:
        dimension = _width(folder, outputs[tokens])
        _add_pooling(model, folder, tokens, dimension)
    else:
        raise UnsupportedModel(
            f"{path} gives {', '.join(outputs)}; an embedder needs last_hidden_state, token_embeddings or "
            "sentence_embedding. Export it again for the task feature-extraction."
        )
    if tokens is not None:
        _rename_output(model, tokens, "token_embeddings", dimension)
    return Graph(model, kind, dimension, None, has_tokens=tokens is not None)


def _adapt_cross_encoder(folder: Path, path: Path, model: onnx.ModelProto) -> Graph:
    labels = (read_json(folder / "config.json") or {}).get("id2label")
    if "logits" not in {output.name for output in model.graph.output}:
        raise UnsupportedModel(f"{path} has no output logits: it is no cross-encoder. Pull it as an embedder.")
    if labels is not None and len(labels) != 1:
        raise UnsupportedModel(
            f"{folder.name} answers with {len(labels)} labels: it is a classifier, not a cross-encoder. "
            "A reranker needs one score a pair; choose a model with one label."
        )
    return Graph(model, "cross-encoder", 0, None, has_tokens=False)


def _check_inputs(path: Path, model: onnx.ModelProto) -> None:
    weights = {weight.name for weight in model.graph.initializer}
    for node in model.graph.input:
        if node.name in weights:
            continue
        if node.name not in _INPUTS or node.type.tensor_type.elem_type != TensorProto.INT64:
            raise UnsupportedModel(
                f"{path} wants an input {node.name} that is not served; "
                f"supported are {', '.join(sorted(_INPUTS))}, all int64."
            )


def _width(folder: Path, output: Any) -> int:
    last = output.type.tensor_type.shape.dim[-1:]
    if last and last[0].dim_value:
        return int(last[0].dim_value)
    config = read_json(folder / "config.json") or {}
    width = config.get("hidden_size") or config.get("dim")
    if not width:
        raise UnsupportedModel(f"Neither the graph nor config.json in {folder} says how long the vectors are.")
    return int(width)


def _add_pooling(model: onnx.ModelProto, folder: Path, tokens: str, dimension: int) -> None:
    graph = GraphWriter()
    write_pooling(graph, tokens, read_pooling(folder), dimension)
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.weights)
    model.graph.output.append(_value("sentence_embedding", ["batch", dimension]))


def _normalise_output(model: onnx.ModelProto) -> None:
    """Make sure of length 1: some exports stop at pooling."""
    raw = "sentence_embedding.raw"
    for node in model.graph.node:
        node.output[:] = [raw if name == "sentence_embedding" else name for name in node.output]
        node.input[:] = [raw if name == "sentence_embedding" else name for name in node.input]
    model.graph.node.append(helper.make_node("LpNormalization", [raw], ["sentence_embedding"], axis=-1, p=2))


def _rename_output(model: onnx.ModelProto, old: str, new: str, dimension: int) -> None:
    if old == new:
        return
    kept = [output for output in model.graph.output if output.name != old]
    del model.graph.output[:]
    model.graph.output.extend([*kept, _value(new, ["batch", "tokens", dimension])])
    model.graph.node.append(helper.make_node("Identity", [old], [new]))


def _value(name: str, shape: list[str | int]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
