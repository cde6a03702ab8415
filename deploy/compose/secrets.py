"""Make the secret files of docker-compose.prod.yml: `python3 -m deploy.compose.secrets [FOLDER]`.

What is there stays as it is, so a second run changes nothing. Nothing secret is printed. Standard library only.
"""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path

from shared.api_keys import mint_key

FOLDER = Path(__file__).with_name("secrets")
# Compose mounts each file as it is, owner and mode included, and containers run as users of their own. The folder is
# not mounted and keeps others on this machine out; a file is in no container but those that name it.
FOLDER_MODE = 0o700
FILE_MODE = 0o444
DATABASE = "postgresql://research_kb:{password}@postgres:5432/research_kb"


def make_secrets(folder: Path) -> list[str]:
    """Write what is missing; return the names of the new files."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(FOLDER_MODE)
    made: list[str] = []

    def keep(name: str, text: str) -> str:
        path = folder / name
        if not path.exists():
            _write(path, text)
            made.append(name)
        return path.read_text(encoding="utf-8").strip()

    keep("postgres_superuser_password", secrets.token_hex(24))
    password = keep("postgres_password", secrets.token_hex(24))
    keep("database_url", DATABASE.format(password=password))
    access, secret = (keep("object_store_access_key", secrets.token_hex(10)),
                      keep("object_store_secret_key", secrets.token_hex(24)))  # fmt: skip
    keep("object_store_identities", json.dumps(identities(access, secret), indent=2))
    keep("api_key", mint_key().reveal())
    keep("grafana_admin_password", secrets.token_hex(12))
    return made


def identities(access: str, secret: str) -> dict[str, object]:
    """Return the object store's one user, who may do anything there; it is on an internal network."""
    credentials = [{"accessKey": access, "secretKey": secret}]
    return {"identities": [{"name": "research-kb", "credentials": credentials, "actions": ["Admin"]}]}


def _write(path: Path, text: str) -> None:
    """Write a file that nobody could read before it was whole."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    beside.chmod(FILE_MODE)
    beside.replace(path)


def main() -> int:
    """Make the files and say which are new."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.compose.secrets", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder = parser.parse_args().folder
    try:
        made = make_secrets(folder)
    except OSError as exc:
        print(f"error: the secrets in {folder} could not be made: {exc}", file=sys.stderr)
        return 1
    print(f"{folder}: made {', '.join(made)}" if made else f"{folder}: every secret is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
