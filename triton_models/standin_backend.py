"""Triton's Python-backend classes, as far as our models use them: what `triton_python_backend_utils` is to a stub."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class TritonError:
    """Why a request failed."""

    message: str


class Tensor:
    """A named array."""

    def __init__(self, name: str, array: NDArray[Any]) -> None:
        self.name = name
        self.array = array

    def as_numpy(self) -> NDArray[Any]:
        """The array."""
        return self.array


@dataclass(frozen=True)
class InferenceRequest:
    """Inputs by name, and the outputs that are wanted."""

    inputs: dict[str, Tensor]
    outputs: Sequence[str]

    def requested_output_names(self) -> Sequence[str]:
        """The outputs that are wanted."""
        return self.outputs


@dataclass(frozen=True)
class InferenceResponse:
    """Outputs, or an error."""

    output_tensors: Sequence[Tensor] = field(default_factory=list)
    error: TritonError | None = None


def get_input_tensor_by_name(request: InferenceRequest, name: str) -> Tensor | None:
    """The request's input of that name."""
    return request.inputs.get(name)


def install_backend() -> None:
    """Let model code import these classes under the name that Triton gives its own."""
    module = ModuleType("triton_python_backend_utils")
    for item in (TritonError, Tensor, InferenceRequest, InferenceResponse, get_input_tensor_by_name):
        setattr(module, item.__name__, item)
    sys.modules[module.__name__] = module
