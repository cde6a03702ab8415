"""What the environment says about a stack."""

from pathlib import Path

import pytest

from local.settings import REPOSITORY, StackError, StackSettings, read_settings


def test_defaults_are_those_of_the_contract() -> None:
    """With nothing set: .local in the checkout, port 8000, loopback, everything of our own."""
    assert read_settings({}) == StackSettings(home=REPOSITORY / ".local", port=8000, listen="127.0.0.1")


def test_empty_variables_count_as_unset() -> None:
    """`DATABASE_URL= make up` starts a database."""
    settings = read_settings({"DATABASE_URL": "", "KAFKA_BOOTSTRAP": "", "TRITON_URL": "", "PORT": ""})
    assert (settings.database_url, settings.kafka_bootstrap, settings.triton_url) == (None, None, None)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80.5"])
def test_a_bad_port_is_refused_by_name(port: str) -> None:
    """The message repeats the value and says what is allowed."""
    with pytest.raises(StackError, match=f"PORT={port} .*1 to 65535"):
        read_settings({"PORT": port})


def test_homes_differ_in_their_keys() -> None:
    """Names that are global to the machine come from the home, not from the port."""
    first, second = StackSettings(home=Path("/a")), StackSettings(home=Path("/b"))
    assert first.key != second.key
    assert first.key == StackSettings(home=Path("/a"), port=9000).key


@pytest.mark.parametrize(
    ("listen", "address", "loopback"),
    [
        ("127.0.0.1", "127.0.0.1:1", True),
        ("0.0.0.0", "127.0.0.1:1", False),  # noqa: S104 - what an operator may set
        ("10.95.0.1", "10.95.0.1:1", False),
        ("::1", "[::1]:1", True),
        ("::", "[::1]:1", False),
        ("localhost", "localhost:1", True),
    ],
)
def test_an_address_can_be_connected_to(listen: str, address: str, loopback: bool) -> None:
    """A wildcard is no address to connect to, and IPv6 stands in brackets."""
    settings = StackSettings(home=Path("/a"), listen=listen)
    assert settings.address(1) == address
    assert settings.listens_on_loopback_only is loopback
