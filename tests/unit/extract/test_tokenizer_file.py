"""A model whose tokenizer is not there keeps extract from starting."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from functions.extract.main import create_app
from functions.extract.settings import ExtractSettings
from shared.resources import Resources
from shared.settings import UnusableSetting

ROOT = Path(__file__).parents[3]
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def make_settings(home: Path) -> ExtractSettings:
    """Return settings whose model has its files below `home`."""
    return ExtractSettings(database_url=NOWHERE, research_kb_home=home, embedder_model="owner/other")


def test_the_process_ends_with_one_line(tmp_path: Path) -> None:
    """`python -m functions extract` names the file that is missing and what makes it, and exits with 2."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": NOWHERE, "RESEARCH_KB_HOME": str(tmp_path)}
    environment["EMBEDDER_MODEL"] = "other"
    done = subprocess.run(
        [sys.executable, "-m", "functions", "extract"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    [said] = done.stderr.strip().splitlines()
    assert done.returncode == 2
    assert str(tmp_path / "models" / "other" / "tokenizer.json") in said
    assert "research-kb models pull" in said


def test_it_is_looked_for_and_not_read(tmp_path: Path) -> None:
    """A start takes the file as it is: reading it is the first document's work."""
    settings = make_settings(tmp_path)
    with pytest.raises(UnusableSetting, match=r"tokenizer\.json is missing"):
        create_app(settings)
    settings.tokenizer().parent.mkdir(parents=True)
    settings.tokenizer().write_text("no tokenizer")
    assert create_app(settings).state.name == "extract"


def test_a_process_of_several_functions_starts_before_its_model_is_made(tmp_path: Path) -> None:
    """With resources that others share, the embedded stack's, documents wait for the model."""
    settings = make_settings(tmp_path)
    assert create_app(settings, Resources(settings)).state.name == "extract"
