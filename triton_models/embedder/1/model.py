"""Triton's entry for passages: full precision, all workers over one copy of the weights."""

from triton_models.runtime.entry import EmbeddingModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
