"""Scores of documents for a query, by a cross-encoder or by late interaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from triton_models.runtime.encoder import Encoder, Floats, Tokens, release_memory


class Reranker(Protocol):
    """Scores documents for a query; scores compare only within one query."""

    def score(self, query: str, documents: Sequence[str]) -> Floats:
        """One score a document, float32 (len(documents),), input order; higher is better."""
        ...


class CrossEncoder:
    """Query and document read together; the score is the model's logit."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def score(self, query: str, documents: Sequence[str]) -> Floats:
        """One logit a document, (len(documents),)."""
        pairs = self._encoder.map(lambda document: self._encoder.tokenise(query, document), documents)
        logits = self._encoder.run_each(pairs, "logits")
        release_memory()
        return np.array([logit.reshape(-1)[0] for logit in logits], dtype=np.float32)


class LateInteraction:
    """MaxSim over an embedder's token vectors (Khattab and Zaharia 2020, ColBERT), averaged over the query's tokens.

    The embedder was not trained for it, so it is worth a light blend only (Cranfield nDCG@10 .4759 to .4769 at .2).
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def score(self, query: str, documents: Sequence[str]) -> Floats:
        """Mean over query tokens of the best cosine among a document's tokens, in [-1, 1], (len(documents),)."""
        asked = self._encode([query])[0]
        scores = [_max_similarity(asked, document) for document in self._encode(documents)]
        release_memory()
        return np.array(scores, dtype=np.float32)

    def _encode(self, texts: Sequence[str]) -> list[Floats]:
        tokens = self._encoder.map(self._encoder.tokenise, texts)
        vectors = self._encoder.run_each(tokens, "token_embeddings")
        return [_normalise_words(item, rows) for item, rows in zip(tokens, vectors, strict=True)]


def _normalise_words(tokens: Tokens, vectors: Floats) -> Floats:
    """Rows of the text's own tokens, at length 1; special ones match anything and are left out."""
    words = [i for i, special in enumerate(tokens.special) if not special]
    rows: Floats = vectors[words]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Floats = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
    return normalised


def _max_similarity(query: Floats, document: Floats) -> float:
    if not len(query) or not len(document):
        return -1.0  # nothing to compare: the lowest cosine there is
    return float((query @ document.T).max(axis=1).mean())
