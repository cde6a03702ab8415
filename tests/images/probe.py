"""Runs inside an image, as root, and tells what should not be there: `python - < probe.py`."""

import json
import shutil
import sys
from pathlib import Path

APP = Path("/app")
SECRETS = {"id_rsa", "id_ed25519", ".env", ".netrc", ".git", ".pypirc", "pip.conf", "api-key", "credentials"}
CACHES = ("/root/.cache", "/var/lib/apt/lists", "/var/cache/apt/archives", "/build")
CACHED = {".deb", ".whl", ".gz", ".xz", ".lz4", ".py", ".http"}
TOOLS = ("gcc", "cc", "c++", "make", "ld", "pip", "pip3", "uv", "git")


def main() -> None:
    """Print findings as JSON."""
    files = [path for path in APP.rglob("*") if path.is_file()]
    sources = [path.resolve() for path in files if path.suffix == ".py" and "models/" not in str(path.parent)]
    stale = [str(path) for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))]
    found = {
        "tools": [name for name in TOOLS if shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/app/venv/bin")],
        "caches": [str(path) for folder in CACHES for path in Path(folder).rglob("*") if path.suffix in CACHED],
        "tests": [str(path) for path in APP.rglob("*") if path.name in {"tests", "test", "conftest.py"}],
        "secrets": [str(path) for path in [*files, *Path("/root").rglob("*")] if path.name in SECRETS],
        "uncompiled": stale,
        "writable": [str(path) for path in files if path.stat().st_mode & 0o022 or path.stat().st_uid != 0],
        "installer": [name for name in ("pip", "setuptools", "ensurepip") if name in _importable()],
    }
    print(json.dumps(found))


def _importable() -> set[str]:
    return {path.stem for folder in sys.path if folder for path in Path(folder).glob("*")}


main()
