"""Settings from files: found, checked, and never shown."""

from pathlib import Path

import pytest

from cli.configuration import api_key
from cli.errors import UsageError
from events.bridge.__main__ import main as run_bridge
from events.bridge.settings import BridgeSettings
from shared.file_settings import FileSettings
from shared.objects import _credentials
from shared.secret_files import SecretFileError, read_setting
from shared.settings import Settings

URL = "postgresql://research_kb:hidden@database/research_kb"


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def url_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "database-url"
    path.write_text(URL + "\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(path))
    return path


def test_a_setting_is_the_stripped_content_of_its_file(url_file: Path) -> None:
    """DATABASE_URL_FILE serves functions, bridge and one-shots; the file's line end is none of it."""
    assert Settings().database_url == URL
    assert BridgeSettings(kafka_bootstrap="k:1", internal_url="http://i").database_url == URL
    assert read_setting("DATABASE_URL") == URL


def test_numbers_and_lists_are_read_as_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's value goes through the same parsing as a variable's."""

    class Listed(FileSettings):
        numbers: tuple[int, ...] = ()
        patience_s: float = 1.0

    for name, text in (("numbers", "[1, 2]"), ("patience_s", " 2.5 ")):
        (tmp_path / name).write_text(text)
        monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / name))
    assert Listed() == Listed(numbers=(1, 2), patience_s=2.5)


def test_an_argument_goes_before_a_file(url_file: Path) -> None:
    """What a program passes is what it gets."""
    assert Settings(database_url="postgresql://else/where").database_url == "postgresql://else/where"


def test_both_are_refused(url_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two values counts would be a guess."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://else/where")
    with pytest.raises(SecretFileError, match="DATABASE_URL and DATABASE_URL_FILE are both set"):
        Settings()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b" \n", "is empty"), (b"hidden\xff", "no UTF-8 text")],
)
def test_a_file_without_a_value_is_named_and_not_shown(url_file: Path, content: bytes | None, reason: str) -> None:
    """The error names variable and path, never what is in the file."""
    if content is None:
        url_file.unlink()
    else:
        url_file.write_bytes(content)
    with pytest.raises(SecretFileError, match=reason) as caught:
        Settings()
    message = str(caught.value)
    assert "DATABASE_URL_FILE" in message
    assert str(url_file) in message
    assert "hidden" not in message
    assert "hidden" not in repr(caught.value.__cause__)


def test_a_value_of_the_wrong_kind_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's value is validated like a variable's."""
    monkeypatch.setenv("DATABASE_URL", URL)
    (tmp_path / "size").write_text("many")
    monkeypatch.setenv("DATABASE_POOL_SIZE_FILE", str(tmp_path / "size"))
    with pytest.raises(ValueError, match="database_pool_size"):
        Settings()


def test_the_bridge_says_why_it_cannot_start(
    url_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line and exit status 2, no traceback."""
    url_file.unlink()
    assert run_bridge() == 2
    assert "DATABASE_URL_FILE" in capsys.readouterr().err


def test_the_command_line_takes_its_key_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RESEARCH_KB_API_KEY_FILE; a missing file is a usage error."""
    monkeypatch.delenv("RESEARCH_KB_API_KEY", raising=False)
    monkeypatch.setenv("RESEARCH_KB_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(UsageError, match="RESEARCH_KB_API_KEY_FILE"):
        api_key("https://elsewhere")
    (tmp_path / "key").write_text("rkb_key\n")
    assert api_key("https://elsewhere") == "rkb_key"


def test_the_object_store_gets_its_credentials_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those given by file are passed on: the driver reads the others from the environment itself."""
    (tmp_path / "secret").write_text("hidden\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "research-kb")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY_FILE", str(tmp_path / "secret"))
    assert _credentials() == {"aws_secret_access_key": "hidden"}
