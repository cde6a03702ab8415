"""What turns token vectors into one vector a text: pooling, chosen as sentence-transformers' folders say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from triton_models.architectures import UnsupportedModel

Pooling = Literal["mean", "cls"]
_MODES: dict[str, Pooling] = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
# Normalising is what the graph does in any case; dropout and the transformer itself need nothing more.
_KNOWN_MODULES = {"Transformer", "Pooling", "Normalize", "Dropout"}


def read_pooling(folder: Path) -> Pooling:
    """The pooling that modules.json and 1_Pooling/config.json ask for; the mean where they are absent.

    Raises: UnsupportedModel for a further module (Dense, for one) or for a pooling other than mean and cls.
    """
    modules = read_json(folder / "modules.json") or []
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind not in _KNOWN_MODULES:
            raise UnsupportedModel(
                f"{folder.name} ends in a {kind} module, which is not served; choose an embedder of "
                "Transformer, Pooling and Normalize (most are)."
            )
    config = read_json(folder / "1_Pooling" / "config.json")
    if config is None:
        return "mean"
    if "pooling_mode" in config:
        wanted = [f"pooling_mode_{config['pooling_mode']}_token{'s' if config['pooling_mode'] == 'mean' else ''}"]
    else:
        wanted = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
    if len(wanted) != 1 or wanted[0] not in _MODES:
        raise UnsupportedModel(f"{folder.name} pools by {', '.join(wanted) or 'nothing'}; supported are mean and cls.")
    return _MODES[wanted[0]]


def read_max_tokens(folder: Path, positions: int | None) -> int:
    """The longest input in tokens, special ones included: what the folder says, never above its positions."""
    sentence = read_json(folder / "sentence_bert_config.json") or {}
    tokenizer = read_json(folder / "tokenizer_config.json") or {}
    config = read_json(folder / "config.json") or {}
    known = [
        sentence.get("max_seq_length"),
        tokenizer.get("model_max_length"),
        positions or config.get("max_position_embeddings"),
    ]
    # Tokenisers without a limit say 1e30; 512 is every BERT's.
    limits = [int(value) for value in known if value is not None and 0 < value < 1_000_000]
    return min(limits or [512])


def read_json(path: Path) -> Any:
    """The file's content, or None where there is no file."""
    return json.loads(path.read_text()) if path.is_file() else None
