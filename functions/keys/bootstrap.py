"""The first key: premium, all scopes, in a file that its owner alone can read.

`python -m functions.keys.bootstrap --output PATH` reads DATABASE_URL. A file with a key that this database still
accepts stays as it is. With `--register PATH` the file is only read: the key in it, made elsewhere, becomes the
database's (a secret store can so hold it from the start). Nothing secret is printed.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from functions.keys.keyring import create_key
from functions.keys.models import SCOPES, NewKey
from shared.api_keys import ApiKey, parse_key
from shared.database import UNAVAILABLE, load_sql
from shared.secret_files import SecretFileError, read_setting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

Result = TypeVar("Result")


def read_key(path: Path) -> ApiKey | None:
    """Return the key in the file, or None where there is none."""
    try:
        return parse_key(path.read_text().strip())
    except (FileNotFoundError, UnicodeDecodeError):
        return None


async def replace_invalid(connection: "asyncpg.Connection[Any]", key: ApiKey | None) -> str | None:
    """Return the text of a new key, or None where the database accepts `key`."""
    if key and await connection.fetchval(load_sql(__file__, "valid_key"), key.id, key.secret_sha256):
        return None
    return (await create_key(connection, _asked())).key


def _asked() -> NewKey:
    return NewKey(name="bootstrap", tier="premium", scopes=list(SCOPES))


class KeyRefused(ValueError):
    """The key to register is none, or the database knows its id and does not accept it."""


async def register(connection: "asyncpg.Connection[Any]", key: ApiKey) -> bool:
    """Store `key` unless the database accepts it already; return whether it was stored. Raises KeyRefused."""
    import asyncpg

    if await connection.fetchval(load_sql(__file__, "valid_key"), key.id, key.secret_sha256):
        return False
    try:
        await create_key(connection, _asked(), key)
    except asyncpg.UniqueViolationError as exc:
        raise KeyRefused(f"the key {key.id} was revoked or has expired here, or its secret is another") from exc
    return True


def write_secret(path: Path, text: str) -> None:
    """Write `text` under `path`, whole or not at all, never readable by others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600 from the start
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def _with_connection(dsn: str, work: "Callable[[asyncpg.Connection[Any]], Awaitable[Result]]") -> Result:
    import asyncpg

    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await work(connection)
    finally:
        await connection.close()


def _make(dsn: str, path: Path) -> str:
    """Write a new key unless the file holds a valid one; return what was done."""
    kept = read_key(path)
    made = asyncio.run(_with_connection(dsn, lambda connection: replace_invalid(connection, kept)))
    if made:
        write_secret(path, made + "\n")
        return f"a new key was written to {path}"
    path.chmod(0o600)
    return f"the key is valid in {path}"


def _register(dsn: str, path: Path) -> str:
    """Store the key that the file holds; return what was done."""
    key = read_key(path)
    if key is None:
        raise KeyRefused("it holds no key (rkb_ID_SECRET)")
    stored = asyncio.run(_with_connection(dsn, lambda connection: register(connection, key)))
    return f"the key in {path} was registered" if stored else f"the key in {path} is registered"


def main() -> None:
    """Make the first key unless there is one."""
    parser = argparse.ArgumentParser(prog="python -m functions.keys.bootstrap", description=__doc__)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--output", type=Path, help="the file of the key; its mode becomes 0600")
    place.add_argument("--register", type=Path, help="a file with a key to store in the database")
    asked = parser.parse_args()
    path: Path = asked.output or asked.register
    try:
        dsn = read_setting("DATABASE_URL")
    except SecretFileError as exc:
        sys.exit(str(exc))
    if not dsn:
        sys.exit("DATABASE_URL is not set: name the database, e.g. postgresql://user:password@host/research_kb")
    try:
        done = _make(dsn, path) if asked.output else _register(dsn, path)
    except KeyRefused as exc:
        sys.exit(f"The key in {path} was not registered: {exc}. Write a new one into the file.")
    except UNAVAILABLE as exc:
        use = "written" if asked.output else "read"
        sys.exit(f"No key could be made: {exc}. Is the database up, and may {path} be {use}?")
    print(done)


if __name__ == "__main__":
    main()
