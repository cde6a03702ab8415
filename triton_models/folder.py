"""A model folder appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """A new folder that takes the place of `target` at the end; an error or a kill leaves the old one as it was."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield made
        made.chmod(0o755)
        old = made.with_name(made.name + ".old")
        if target.exists():
            target.rename(old)
        made.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _remove_leftovers(target: Path) -> None:
    """Drop what a killed run left, unless its process lives: folders older than an hour."""
    for path in target.parent.glob(f".{target.name}.*"):
        age_s = os.stat(target.parent).st_mtime - path.stat().st_mtime
        if age_s > 3600:
            shutil.rmtree(path, ignore_errors=True)
