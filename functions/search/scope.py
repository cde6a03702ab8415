"""What a search may look at: its collections, how many passages they hold, and the model that answers."""

from dataclasses import dataclass
from typing import Any

from shared.models import Model


@dataclass(frozen=True, slots=True)
class Scope:
    """passages: those of the chosen collections, or of the sources that filters leave; everything: all there are."""

    collections: list[int]
    names: frozenset[str]
    passages: int
    everything: int
    version: str
    model: Model | None
    filters: tuple[Any, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.filters is None and self.passages >= self.everything
