"""Setting up: which Python, what is missing, what is up to date."""

import sys
from pathlib import Path

import pytest

from local import bootstrap
from local.bootstrap import Python, SetupFailed, choose_python, is_current, probe, write_stamp

ROOT = Path(__file__).parents[3]


def make_python(version: tuple[int, int] = (3, 11)) -> Python:
    return Python("/usr/bin/python", version, True)


def test_this_python_is_recognised() -> None:
    """Version and venv are asked from the interpreter itself."""
    found = probe(sys.executable)
    assert found is not None
    assert found.version == sys.version_info[:2]


def test_a_python_that_does_not_exist_is_none() -> None:
    """So the next candidate is asked."""
    assert probe("python9.99") is None


def test_without_a_supported_python_the_message_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names what was found, what to install, and the variable that names another."""
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setattr(bootstrap, "SUPPORTED", ((2, 7),))
    with pytest.raises(SetupFailed, match=r"3\.11 or 3\.12 is needed .*apt-get install.*PYTHON="):
        choose_python()


def test_an_environment_is_current_for_its_python_and_its_locks_alone(tmp_path: Path) -> None:
    """Another Python, or one changed hash in a lock, makes it anew."""
    lock = tmp_path / "main.txt"
    lock.write_text("a==1 --hash=sha256:00")
    write_stamp(tmp_path, make_python(), [lock])
    assert is_current(tmp_path, make_python(), [lock])
    assert not is_current(tmp_path, make_python((3, 12)), [lock])
    lock.write_text("a==1 --hash=sha256:01")
    assert not is_current(tmp_path, make_python(), [lock])


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_requirement_is_pinned_and_hashed_and_no_index_is_named(lock: Path) -> None:
    """What is installed is decided here, and where it comes from is the installer's affair."""
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    entries = text.replace("\\\n", " ").splitlines()
    requirements = [line for line in entries if line and not line.lstrip().startswith("#")]
    assert requirements
    assert all("==" in line and "--hash=sha256:" in line for line in requirements)


def test_locks_cover_what_is_asked_for() -> None:
    """A requirement added to an .in file without `make lock` is noticed here, not on a fresh machine."""
    for source in (ROOT / "requirements").glob("*.in"):
        locked = source.with_suffix(".txt").read_text().lower()
        for line in source.read_text().splitlines():
            name = line.split("#")[0].split(";")[0].strip()
            if name and not name.startswith("-r"):
                bare = name.split("==")[0].split(">=")[0].split("<")[0].split("[")[0].lower().replace("_", "-")
                assert f"\n{bare}==" in locked or f"\n{bare}[" in locked, f"{bare} of {source.name}: run `make lock`"
