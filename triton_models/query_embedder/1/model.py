"""Triton's entry for queries: int8 weights, one worker an instance."""

from triton_models.runtime.entry import EmbeddingModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
