"""A model folder appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# No build takes longer.
_LEFTOVER_AGE_S = 3600


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
    """Drop what a killed run left; younger folders may be someone's who is still at it."""
    for path in target.parent.glob(f".{target.name}.*"):
        if time.time() - path.stat().st_mtime > _LEFTOVER_AGE_S:
            shutil.rmtree(path, ignore_errors=True)
