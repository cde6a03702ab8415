"""Postgres' own programs, of the server's major version: PG_BIN, else on PATH, else the embedded stack's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CommandFailed

NAMES = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True)
class Programs:
    """A folder of programs of one version, e.g. 18.1."""

    folder: Path
    version: str

    def path(self, name: str) -> str:
        """Return the path of a program."""
        return str(self.folder / name)


def find_programs(major: int) -> Programs:
    """Return the programs of Postgres `major`: others write, or cannot read, what this server would refuse."""
    seen = []
    for folder in _folders():
        version = _version(folder)
        if version is None:
            continue
        if int(version.split(".", 1)[0]) == major:
            return Programs(folder, version)
        seen.append(f"{version} in {folder}")
    raise CommandFailed(
        f"pg_dump, pg_restore and psql of Postgres {major} are needed",
        f"The server is Postgres {major}; found: {', '.join(seen) or 'none'}.",
        f"Install the client programs of Postgres {major} and set PG_BIN to their folder.",
    )


def _folders() -> Iterator[Path]:
    if named := os.environ.get("PG_BIN"):
        folder = Path(named).expanduser()
        if _version(folder) is None:
            raise CommandFailed(
                "PG_BIN holds no usable programs", f"{folder} lacks one of {', '.join(NAMES)}.", "Correct or unset it."
            )
        yield folder
    if found := shutil.which("pg_dump"):
        yield Path(found).parent
    from local.postgres import find_binaries
    from local.settings import StackError

    try:
        yield find_binaries()
    except StackError:
        return


def _version(folder: Path) -> str | None:
    """Return the version of the programs in a folder; None where one is missing or does not run."""
    versions = set()
    for name in NAMES:
        try:
            done = subprocess.run([folder / name, "--version"], capture_output=True, text=True, timeout=30, check=False)
        except OSError:
            return None
        match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", done.stdout)
        if done.returncode != 0 or match is None:
            return None
        versions.add(match.group(1))
    return versions.pop() if len(versions) == 1 else None
