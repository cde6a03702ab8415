"""The assembled repository is one that Triton reads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.unit.models.reference_model import MakeModel
from triton_models.build import build
from triton_models.repository import MODELS, Choice, Device, assemble
from triton_models.standin_backend import install_backend
from triton_models.standin_models import ServedModel, read_config


def _configs(choice: Choice) -> dict[str, dict[str, Any]]:
    repository = assemble(choice)
    return {model: read_config(repository / model / "config.pbtxt") for model in MODELS}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_configurations_follow_tritons_schema(home: Path, device: Device) -> None:
    """Each parses as Triton's ModelConfig, rejects what waits too long, warms up, and says what it serves."""
    for model, config in _configs(Choice(home, device=device)).items():
        policy = config["dynamic_batching"]["default_queue_policy"]
        assert config["name"] == model
        assert config["instance_group"][0]["kind"] == ("KIND_GPU" if device == "cuda" else "KIND_CPU")
        assert "timeout_action" not in policy  # REJECT is the schema's default, 0
        assert int(policy["max_queue_size"]) > 0
        assert int(policy["default_timeout_microseconds"]) > 0
        assert config["model_warmup"]
        assert config["parameters"]["model_name"]["string_value"] == "all-MiniLM-L6-v2"
        assert config["parameters"]["dimension"]["string_value"] == "384"


def test_only_passages_are_embedded_at_full_precision_on_the_cpu(home: Path) -> None:
    """Queries and reranking use int8 weights on the CPU; a GPU uses float32 for all."""
    configs = _configs(Choice(home))
    assert {m: c["parameters"]["precision"]["string_value"] for m, c in configs.items()} == {
        "embedder": "fp32",
        "query_embedder": "int8",
        "reranker": "int8",
    }
    on_gpu = _configs(Choice(home, device="cuda"))
    assert {c["parameters"]["precision"]["string_value"] for c in on_gpu.values()} == {"fp32"}


def test_reranker_names_its_method(home: Path, tmp_path: Path, make_model: MakeModel) -> None:
    """Late interaction until a cross-encoder is installed, then that one by name."""
    own = tmp_path / "home"
    shutil.copytree(home / "models", own / "models", copy_function=os.link)
    assert _configs(Choice(own))["reranker"]["parameters"]["method"]["string_value"] == "late-interaction"
    folder, _ = make_model("bert")
    build(folder, own, "tiny-cross-encoder")
    parameters = _configs(Choice(own))["reranker"]["parameters"]
    assert parameters["method"]["string_value"] == "cross-encoder"
    assert parameters["model_name"]["string_value"] == "tiny-cross-encoder"


def test_model_code_travels_with_the_model(home: Path) -> None:
    """Each version folder holds all that its model.py imports of ours, so the folder can be mounted anywhere."""
    repository = assemble(Choice(home))
    for model in MODELS:
        version = repository / model / "1"
        assert (version / "model.py").is_file()
        assert (version / "triton_models" / "runtime" / "entry.py").is_file()


def test_a_home_is_served_wherever_it_is_mounted(home: Path, tmp_path: Path) -> None:
    """Made in one place, moved to another: every model finds its weights, and no path of the first place is left."""
    made, mounted = tmp_path / "made", tmp_path / "mounted"
    shutil.copytree(home / "models", made / "models", copy_function=os.link)
    assemble(Choice(made))
    made.rename(mounted)
    install_backend()
    for model in MODELS:
        folder = mounted / "triton" / "repository" / model
        assert str(tmp_path) not in (folder / "config.pbtxt").read_text()
        served = ServedModel(folder)
        served.load()
        served.close()
