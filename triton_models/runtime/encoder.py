"""Texts through a tokeniser and an ONNX graph."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

Floats = NDArray[np.float32]
# The fused operator is not vectorised on the CPU and takes four times as long as its parts.
_SLOW_FUSIONS = ["SkipLayerNormFusion"]
# No word that a tokeniser knows is longer: what lies beyond this many characters a token cannot matter.
_CHARACTERS_PER_TOKEN = 128


@dataclass(frozen=True)
class Tokens:
    """One text (or pair) as the graph wants it; `truncated` when it was longer than the model reads."""

    ids: Sequence[int]
    types: Sequence[int]
    special: Sequence[int]
    truncated: bool


class Encoder:
    """A tokeniser and a graph, run by `threads` workers that share one copy of the weights.

    On the CPU every text runs alone, on one core: nothing is padded, a vector never depends on its neighbours,
    and two workers pass 20 passages a second where batches of eight pass 13. A GPU needs batches: `batch_size`
    texts of similar length run together there.
    """

    def __init__(self, folder: Path, graph: str, *, max_tokens: int, threads: int = 1, device: str = "cpu") -> None:
        # Workers already keep every core busy; the tokeniser's own pool would fight them.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.max_tokens = max_tokens
        self.batch_size = 1 if device == "cpu" else 32
        self._max_characters = max_tokens * _CHARACTERS_PER_TOKEN
        self._tokenizer = _load_tokenizer(folder / "tokenizer.json", max_tokens)
        self._session = _open_session(folder / graph, device)
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def tokenise(self, text: str, pair: str | None = None) -> Tokens:
        """Token ids of a text, or of a pair whose second part is cut first."""
        limit = self._max_characters
        clipped = len(text) > limit or (pair is not None and len(pair) > limit)
        encoding = self._tokenizer.encode(text[:limit], None if pair is None else pair[:limit])
        return Tokens(
            encoding.ids, encoding.type_ids, encoding.special_tokens_mask, clipped or bool(encoding.overflowing)
        )

    def run(self, batch: Sequence[Tokens], output: str) -> Floats:
        """One run of the graph, padded at the end to the longest of `batch`; first axis len(batch)."""
        width = max(len(tokens.ids) for tokens in batch)
        ids = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        types = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            length = len(tokens.ids)
            ids[row, :length] = tokens.ids
            types[row, :length] = tokens.types
            mask[row, :length] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        result: Floats = self._session.run([output], {k: v for k, v in feeds.items() if k in self._inputs})[0]
        return result

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """`function` of every item, by the workers, in the order of `items`."""
        if self._pool is None or len(items) < 2:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))

    def run_each(self, items: Sequence[Tokens], output: str) -> list[Floats]:
        """The output of every item, without the batch axis, in input order; lengths are sorted for GPU batches."""
        order = sorted(range(len(items)), key=lambda i: -len(items[i].ids))
        groups = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        results: list[Floats] = [np.empty(0, dtype=np.float32)] * len(items)
        outputs = self.map(lambda group: self.run([items[i] for i in group], output), groups)
        for group, rows in zip(groups, outputs, strict=True):
            for i, row in zip(group, rows, strict=True):
                results[i] = row
        return results

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown()


def decode(texts: Any) -> list[str]:
    """Text of a BYTES tensor of any shape; what is not UTF-8 becomes U+FFFD, as one bad byte must not fail a batch."""
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in texts.reshape(-1)]


def release_memory() -> None:
    """Give freed activations back to the system: a long batch would otherwise stay resident (42 MB)."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return  # not glibc: its allocator decides


def _load_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_tokens, strategy="longest_first")
    tokenizer.no_padding()
    return tokenizer


def _open_session(path: Path, device: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The arena keeps the longest batch's activations for good, and costs more than it saves at these sizes.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    # Without VNNI, int8 products of two bytes overflow; this widens them there and changes nothing elsewhere.
    options.add_session_config_entry("session.x64quantprecision", "1")
    providers = ["CPUExecutionProvider"] if device == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    missing = set(providers) - set(onnxruntime.get_available_providers())
    if missing:
        raise RuntimeError(
            f"onnxruntime has no {', '.join(missing)} here; install onnxruntime-gpu in Triton's environment "
            "or use --device cpu."
        )
    return onnxruntime.InferenceSession(str(path), options, providers=providers, disabled_optimizers=_SLOW_FUSIONS)
