"""What Triton calls: the classes behind each model.py, on Triton's own tensors."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from triton_models.runtime.embedding import Embedder
from triton_models.runtime.encoder import Encoder, decode
from triton_models.runtime.reranking import CrossEncoder, LateInteraction, Reranker

log = logging.getLogger(__name__)


def read_parameters(args: dict[str, str]) -> dict[str, str]:
    """The parameters of config.pbtxt."""
    return {key: value["string_value"] for key, value in json.loads(args["model_config"])["parameters"].items()}


def open_encoder(args: dict[str, str]) -> Encoder:
    """The encoder that config.pbtxt describes. Raises what fails the load: then the model is never ready."""
    parameters = read_parameters(args)
    os.nice(int(parameters["niceness"]))
    return Encoder(
        Path(args["model_repository"], parameters["folder"]),
        parameters["graph"],
        max_tokens=int(parameters["max_tokens"]),
        threads=int(parameters["threads"]),
        device="cuda" if args["model_instance_kind"] == "GPU" else "cpu",
    )


def respond(answer: Callable[[Any], list[Any]], request: Any) -> Any:
    """One response; a request that fails gets an error of its own, since a raise would fail the whole batch."""
    try:
        return pb_utils.InferenceResponse(output_tensors=answer(request))
    except Exception as exc:
        log.exception("inference_failed")
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{type(exc).__name__}: {exc}"))


def read_texts(request: Any, name: str) -> list[str]:
    """A BYTES input as text, whatever its shape."""
    return decode(pb_utils.get_input_tensor_by_name(request, name).as_numpy())


class EmbeddingModel:
    """TEXT [n, 1] to EMBEDDING float32 [n, dimension] and, when asked for, TRUNCATED uint8 [n, 1]."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the weights."""
        self._encoder = open_encoder(args)
        self._embedder = Embedder(self._encoder)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response a request."""
        return [respond(self._answer, request) for request in requests]

    def _answer(self, request: Any) -> list[Any]:
        vectors, truncated = self._embedder.embed(read_texts(request, "TEXT"))
        outputs = {"EMBEDDING": vectors, "TRUNCATED": truncated}
        return [pb_utils.Tensor(name, outputs[name]) for name in request.requested_output_names()]

    def finalize(self) -> None:
        """End the workers."""
        self._encoder.close()


class RerankingModel:
    """QUERY [1, 1] and DOCUMENTS [1, m] to SCORES float32 [1, m]."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the weights of the method that config.pbtxt names."""
        self._encoder = open_encoder(args)
        cross = read_parameters(args)["method"] == "cross-encoder"
        self._reranker: Reranker = CrossEncoder(self._encoder) if cross else LateInteraction(self._encoder)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response a request."""
        return [respond(self._answer, request) for request in requests]

    def _answer(self, request: Any) -> list[Any]:
        query = read_texts(request, "QUERY")[0]
        scores = self._reranker.score(query, read_texts(request, "DOCUMENTS"))
        return [pb_utils.Tensor("SCORES", scores.reshape(1, -1))]

    def finalize(self) -> None:
        """End the workers."""
        self._encoder.close()
