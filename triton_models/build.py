"""A model folder made of someone else's: ONNX, int8 ONNX, tokeniser, card."""

from __future__ import annotations

import shutil
from pathlib import Path

from triton_models.architectures import UnsupportedModel
from triton_models.card import Card, Kind, sum_files
from triton_models.folder import replace_folder

GRAPH = "model.onnx"
INT8_GRAPH = "model.int8.onnx"
TOKENIZER = "tokenizer.json"
_FILES = [GRAPH, f"{GRAPH}.data", INT8_GRAPH, f"{INT8_GRAPH}.data", TOKENIZER]


def build(folder: Path, home: Path, name: str, kind: Kind | None = None, source: str | None = None) -> Card:
    """Make `home`/models/`name` of `folder`: of its onnx/model.onnx if there is one, else of its model.safetensors.

    `kind` None: a cross-encoder where a classification head came with the weights, else an embedder.
    Raises: UnsupportedModel, whose message says what to do; then nothing is left behind.
    """
    check_name(name)
    if not (folder / TOKENIZER).is_file():
        raise UnsupportedModel(
            f"{folder} has no {TOKENIZER}. Save the tokeniser in its fast form "
            "(AutoTokenizer.from_pretrained(...).save_pretrained(...)) and build again."
        )
    with replace_folder(home / "models" / name) as made:
        card = _fill(folder, made, name, kind, source or str(folder))
        card.write(made)
    return card


def check_name(name: str) -> None:
    """Refuse a name that would leave the folder `models`. Raises: UnsupportedModel."""
    parts = name.split("/")
    if len(parts) > 2 or any(not part or part.startswith(".") for part in parts):
        raise UnsupportedModel(f"{name!r} is no model name; use something like all-MiniLM-L6-v2 or owner/name.")


def _fill(folder: Path, made: Path, name: str, kind: Kind | None, source: str) -> Card:
    # onnx takes 300 ms to import; a folder that is refused above, or one that is there already, does without.
    from triton_models.export import read_graph
    from triton_models.heads import read_max_tokens
    from triton_models.quantise import quantise, save

    graph = read_graph(folder, kind)
    save(graph.model, made / GRAPH)
    quantise(made / GRAPH, made / INT8_GRAPH)
    shutil.copyfile(folder / TOKENIZER, made / TOKENIZER)
    return Card(
        name=name,
        kind=graph.kind,
        dimension=graph.dimension,
        max_tokens=read_max_tokens(folder, graph.positions),
        has_tokens=graph.has_tokens,
        source=source,
        sha256=sum_files(made, _FILES),
    )
