"""Which server and which key."""

from pathlib import Path

import pytest

from cli.configuration import api_key, is_loopback, server_url
from cli.errors import UsageError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RESEARCH_KB_URL", "RESEARCH_KB_API_KEY", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RESEARCH_KB_HOME", str(tmp_path))


def test_the_embedded_stack_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without configuration the server is this machine's, at PORT."""
    assert server_url() == "http://127.0.0.1:8000"
    monkeypatch.setenv("PORT", "8123")
    assert server_url() == "http://127.0.0.1:8123"


def test_an_address_without_scheme_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address is said before anything is sent."""
    monkeypatch.setenv("RESEARCH_KB_URL", "kb.example.org")
    with pytest.raises(UsageError):
        server_url()


def test_the_stacks_own_key_never_leaves_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file api-key is read for a loopback address alone; RESEARCH_KB_API_KEY goes wherever it is told to."""
    (tmp_path / "api-key").write_text("rkb_local\n")
    assert api_key("http://127.0.0.1:8000") == "rkb_local"
    assert api_key("https://kb.example.org") is None
    monkeypatch.setenv("RESEARCH_KB_API_KEY", "rkb_given")
    assert api_key("https://kb.example.org") == api_key("http://localhost:8000") == "rkb_given"


def test_no_key_file_is_no_key() -> None:
    """Before the first start there is no key, and that is no error here: the server says what is missing."""
    assert api_key("http://127.0.0.1:8000") is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost"])
def test_loopback_addresses(url: str) -> None:
    """Each way to write this machine is recognised."""
    assert is_loopback(url)
    assert not is_loopback("http://127.0.0.1.example.org")
