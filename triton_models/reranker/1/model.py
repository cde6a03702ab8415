"""Triton's entry for reranking: a cross-encoder where one is installed, else late interaction."""

from triton_models.runtime.entry import RerankingModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
