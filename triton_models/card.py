"""model.json: what a model folder holds, and the sums to tell whether it still does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["embedder", "cross-encoder"]
FILE_NAME = "model.json"
# One MiB: large enough that reading, not Python, sets the pace.
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Card:
    """A model in the folder `models`.

    `dimension` is 0 for a cross-encoder; `has_tokens` says whether the graph gives token vectors too;
    `sha256` has a hexadecimal sum for each file; `source` says where the weights came from.
    """

    name: str
    kind: Kind
    dimension: int
    max_tokens: int
    has_tokens: bool
    source: str
    sha256: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write model.json, the last file of a model folder."""
        (folder / FILE_NAME).write_text(json.dumps(asdict(self), indent=2) + "\n")


def read_card(folder: Path) -> Card | None:
    """The folder's card, or None where there is none or it cannot be read: then the folder is no model."""
    try:
        return Card(**json.loads((folder / FILE_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def list_cards(models: Path) -> list[Card]:
    """Cards of all model folders below `models`, by name."""
    paths = [path for path in models.glob(f"**/{FILE_NAME}") if not _in_progress(path.relative_to(models))]
    cards = [read_card(path.parent) for path in sorted(paths)]
    return [card for card in cards if card is not None]


def _in_progress(path: Path) -> bool:
    """Whether a build or a pull is still making this folder: theirs start with a dot."""
    return any(part.startswith(".") for part in path.parts)


def sum_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each file that exists, hexadecimal."""
    return {name: sum_file(folder / name) for name in names if (folder / name).is_file()}


def sum_file(path: Path) -> str:
    """SHA-256 of one file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def damaged_files(folder: Path, card: Card) -> list[str]:
    """Files that are missing or differ from their sum."""
    return [
        name
        for name, expected in card.sha256.items()
        if not (folder / name).is_file() or sum_file(folder / name) != expected
    ]
