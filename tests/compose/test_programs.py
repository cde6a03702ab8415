"""The programs beside docker-compose.prod.yml: secrets are made, Compose itself reads the file."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compose.check import NoCompose, check, compose_command
from deploy.compose.secrets import make_secrets
from shared.api_keys import parse_key
from tests.compose.document import ROOT, load


def test_every_secret_is_made_once(tmp_path: Path) -> None:
    """Each file that the deployment mounts, in a folder of the owner's own; a second run changes nothing."""
    folder = tmp_path / "secrets"
    assert set(make_secrets(folder)) == set(load().document["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert make_secrets(folder) == []
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert parse_key(before["api_key"].strip())
    assert before["postgres_password"].strip() in before["database_url"]
    assert len({text for name, text in before.items() if "password" in name}) == 3


def test_one_lost_secret_is_made_anew_alone(tmp_path: Path) -> None:
    """What depends on another secret is made to fit it."""
    make_secrets(tmp_path)
    url = (tmp_path / "database_url").read_text()
    (tmp_path / "database_url").unlink()
    assert make_secrets(tmp_path) == ["database_url"]
    assert (tmp_path / "database_url").read_text() == url


def test_the_program_prints_no_secret_and_needs_no_package(tmp_path: Path) -> None:
    """Run as `make prod-secrets` runs it, by a bare interpreter: names only."""
    command = [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); sys.argv[1:] = [sys.argv[1]];"
               "from deploy.compose.secrets import main; sys.exit(main())", str(tmp_path / "s")]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    for path in (tmp_path / "s").iterdir():
        assert path.name in done.stdout
        assert path.read_text().strip() not in done.stdout + done.stderr


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Compose, `make prod-config` fails and says what to install."""
    monkeypatch.delenv("COMPOSE", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NoCompose, match=r"COMPOSE"):
        compose_command()


def test_compose_reads_the_file() -> None:
    """`docker compose config` takes the file with the model server of each profile, and the lab's override on it."""
    try:
        command = compose_command()
    except NoCompose as exc:
        pytest.skip(f"not validated by Compose: {exc}")
    assert check(command) == []
    assert check(command, ROOT / "tests" / "compose" / "override.yml") == []
