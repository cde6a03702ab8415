"""Where the database and the objects are: DATABASE_URL and OBJECT_STORE_URL, or the embedded stack's two."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from cli.configuration import home
from cli.errors import CommandFailed, UsageError
from shared.database import address_without_password, no_connection
from shared.secret_files import SecretFileError, read_setting

if TYPE_CHECKING:
    import asyncpg

CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Place:
    """A database and an object store that belong together."""

    database_url: str
    object_store_url: str

    @property
    def said(self) -> str:
        """The database without its password."""
        return address_without_password(self.database_url)

    def libpq(self) -> tuple[str, dict[str, str]]:
        """Return the address for Postgres' programs and their environment.

        The password is in the environment alone: arguments are public to every user of the machine.
        """
        password = urlsplit(self.database_url).password
        given = {"PGPASSWORD": unquote(password)} if password else {}
        return address_without_password(self.database_url), os.environ | given | {"PGCONNECT_TIMEOUT": "10"}

    async def connect(self) -> "asyncpg.Connection[Any]":
        """Open a connection; CommandFailed where the database does not let us in."""
        import asyncpg

        failures: tuple[type[BaseException], ...] = (*no_connection(), asyncpg.PostgresError, ValueError)
        try:
            return await asyncpg.connect(self.database_url, timeout=CONNECT_TIMEOUT_S)
        except failures as exc:
            why = str(exc) or type(exc).__name__
            raise CommandFailed(
                "The database does not answer", f"{self.said}: {why}", "Start it, or correct DATABASE_URL."
            ) from exc


def find_place(*, objects: bool = True) -> Place:
    """Return what the environment names, else what the embedded stack of this home uses: never one of each.

    Without `objects` only the database matters, and the store's address is nothing to go by.
    """
    try:
        named = {name: read_setting(name) for name in ("DATABASE_URL", "OBJECT_STORE_URL")}
    except SecretFileError as exc:
        raise UsageError("A setting could not be read", str(exc), "Correct the variable or the file.") from exc
    given = [name for name, value in named.items() if value]
    if objects and len(given) == 1:
        raise UsageError(
            "Database and object store belong together",
            f"{given[0]} is set without {next(name for name in named if name not in given)}.",
            "Set both, or neither for the embedded stack's.",
        )
    addresses = named if named["DATABASE_URL"] else _stack_addresses()
    database = addresses.get("DATABASE_URL")
    if not database:
        raise UsageError(
            "No database is named",
            f"DATABASE_URL is not set, and no embedded stack runs in {home()}.",
            "Set DATABASE_URL and OBJECT_STORE_URL, or start the stack with `research-kb up --detach`.",
        )
    if urlsplit(database).scheme not in {"postgresql", "postgres"}:
        raise UsageError("DATABASE_URL is not an address", "", "Give it as postgresql://user:password@host/database.")
    return Place(database, addresses.get("OBJECT_STORE_URL") or (home().resolve() / "objects").as_uri())


def _stack_addresses() -> dict[str, str | None]:
    try:
        record = json.loads((home() / "run" / "stack.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    addresses: dict[str, str | None] = record.get("addresses") or {}
    return addresses
