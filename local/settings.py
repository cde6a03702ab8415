"""What tells one stack on a machine from another: its folder, its port, its address and what it need not start."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8000
DEFAULT_LISTEN = "127.0.0.1"

REPOSITORY = Path(__file__).resolve().parent.parent


class StackError(Exception):
    """The stack cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class StackSettings:
    """One stack. `database_url`, `kafka_bootstrap` and `triton_url` are None where the stack starts its own."""

    home: Path
    port: int = DEFAULT_PORT
    listen: str = DEFAULT_LISTEN
    database_url: str | None = None
    kafka_bootstrap: str | None = None
    triton_url: str | None = None

    @property
    def run(self) -> Path:
        """Folder of what only lives while the stack does: stack.json and the lock."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def api_key_file(self) -> Path:
        return self.home / "api-key"

    @property
    def key(self) -> str:
        """Ten hex digits that differ between homes; part of names that are global to the machine."""
        return hashlib.sha256(str(self.home).encode()).hexdigest()[:10]

    @property
    def connect_host(self) -> str:
        """The address at which this machine's own clients reach what listens on `listen`."""
        address = _parse_address(self.listen)
        if address is not None and address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "::1"
        return self.listen

    @property
    def listens_on_loopback_only(self) -> bool:
        address = _parse_address(self.listen)
        return self.listen == "localhost" if address is None else address.is_loopback

    def address(self, port: int) -> str:
        """host:port for URLs, with brackets around an IPv6 host."""
        host = self.connect_host
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def read_settings(environment: Mapping[str, str] | None = None) -> StackSettings:
    """The stack that the environment names. Raises StackError for a PORT that is no port."""
    env = os.environ if environment is None else environment
    home = Path(env.get("RESEARCH_KB_HOME") or REPOSITORY / ".local").expanduser()
    return StackSettings(
        home=home.resolve(),
        port=_parse_port(env.get("PORT") or str(DEFAULT_PORT)),
        listen=env.get("LISTEN") or DEFAULT_LISTEN,
        database_url=env.get("DATABASE_URL") or None,
        kafka_bootstrap=env.get("KAFKA_BOOTSTRAP") or None,
        triton_url=env.get("TRITON_URL") or None,
    )


def _parse_port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise StackError(f"PORT={text} is not a port. Set PORT to a number from 1 to 65535.")
