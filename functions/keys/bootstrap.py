"""The first key: premium, all scopes, in a file that its owner alone can read.

`python -m functions.keys.bootstrap --output PATH` reads DATABASE_URL. A file with a key that this database still
accepts stays as it is. Nothing secret is printed.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.keys.keyring import create_key
from functions.keys.models import SCOPES, NewKey
from shared.api_keys import ApiKey, parse_key
from shared.database import UNAVAILABLE, load_sql

if TYPE_CHECKING:
    import asyncpg


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
    return (await create_key(connection, NewKey(name="bootstrap", tier="premium", scopes=list(SCOPES)))).key


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


async def _ask_database(dsn: str, key: ApiKey | None) -> str | None:
    import asyncpg

    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await replace_invalid(connection, key)
    finally:
        await connection.close()


def main() -> None:
    """Make the first key unless there is one."""
    parser = argparse.ArgumentParser(prog="python -m functions.keys.bootstrap", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="the file of the key; its mode becomes 0600")
    path = parser.parse_args().output
    dsn = os.environ.get("DATABASE_URL")
    if not dsn:
        sys.exit("DATABASE_URL is not set: name the database, e.g. postgresql://user:password@host/research_kb")
    try:
        made = asyncio.run(_ask_database(dsn, read_key(path)))
        if made:
            write_secret(path, made + "\n")
        else:
            path.chmod(0o600)
    except UNAVAILABLE as exc:
        sys.exit(f"No key could be made: {exc}. Is the database up, and may {path} be written?")
    print(f"{'a new key was written to' if made else 'the key is valid in'} {path}")


if __name__ == "__main__":
    main()
