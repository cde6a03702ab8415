"""Texts to vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triton_models.runtime.encoder import Encoder, Floats, Tokens, release_memory

# From here on a batch's activations are worth the millisecond that giving them back takes.
_RELEASE_FROM_TOKENS = 1024


class Embedder:
    """Texts to one vector each."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def embed(self, texts: Sequence[str]) -> tuple[Floats, NDArray[np.uint8]]:
        """Vectors, float32 (len(texts), dimension), rows L2-normalised; and 1 where a text was cut, (len(texts), 1)."""
        tokens: list[Tokens] = self._encoder.map(self._encoder.tokenise, texts)
        vectors = np.stack(self._encoder.run_each(tokens, "sentence_embedding"))
        if sum(len(item.ids) for item in tokens) > _RELEASE_FROM_TOKENS:
            release_memory()
        return vectors, np.array([[item.truncated] for item in tokens], dtype=np.uint8)
