"""Have Compose read docker-compose.prod.yml: `python3 -m deploy.compose.check`, which `make prod-config` runs.

The program is $COMPOSE, else `docker compose`, else `docker-compose`. No engine is needed. Standard library only.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.prod.yml"
PROFILES = ("gpu", "cpu")
TIMEOUT_S = 60


class NoCompose(Exception):
    """Compose is not installed; the message says what to do."""


def compose_command() -> list[str]:
    """Return Compose's command line. Raises NoCompose."""
    if given := os.environ.get("COMPOSE"):
        return shlex.split(given)
    if shutil.which("docker") and _answers(["docker", "compose"]):
        return ["docker", "compose"]
    if shutil.which("docker-compose") and _answers(["docker-compose"]):
        return ["docker-compose"]
    raise NoCompose("Docker Compose v2 is missing: install its plugin, or name the program in COMPOSE.")


def check(command: Sequence[str], *overrides: Path) -> list[str]:
    """Return what Compose has against the file, with each profile; nothing when it takes it."""
    files = [part for path in (FILE, *overrides) for part in ("-f", str(path))]
    found = []
    for profile in PROFILES:
        arguments = [*command, *files, "--profile", profile, "config", "--quiet"]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT, timeout=TIMEOUT_S)
        if done.returncode or done.stderr:
            found.append(f"profile {profile}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return found


def _answers(command: Sequence[str]) -> bool:
    return subprocess.run([*command, "version"], capture_output=True, check=False, timeout=TIMEOUT_S).returncode == 0


def main() -> int:
    """Check and say what was found."""
    try:
        found = check(compose_command())
    except (NoCompose, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    if not found:
        print(f"{FILE.name} is valid, with the profiles {' and '.join(PROFILES)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
