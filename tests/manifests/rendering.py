"""Overlays of knative/ as lists of objects, rendered by kustomize.

kustomize is $KUSTOMIZE, the one on PATH, or built once by Go into a folder of the user's cache.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "knative" / "overlays"
# 5.8.3 wants a newer Go than Debian's.
MODULE = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.2"
BUILD_TIMEOUT_S = 900
RENDER_TIMEOUT_S = 120

Object = dict[str, Any]


class NoKustomize(RuntimeError):
    """There is no kustomize and none could be built."""


def overlays() -> list[str]:
    """Return the names of the overlays."""
    return sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml"))


@cache
def kustomize() -> Path:
    """Return the program, building it if need be. Raises: NoKustomize."""
    named = os.environ.get("KUSTOMIZE") or shutil.which("kustomize")
    if named:
        return Path(named)
    built = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "research-kb-tools" / "kustomize"
    if not built.is_file():
        _build(built.parent)
    return built


def _build(folder: Path) -> None:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise NoKustomize("no kustomize on PATH, and no Go to build it with")
    environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        [go, "install", MODULE], env=environment, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise NoKustomize(f"kustomize could not be built: {done.stderr[-500:]}")


def _text(folder: Path) -> str:
    done = subprocess.run(
        [str(kustomize()), "build", str(folder)],
        capture_output=True,
        text=True,
        timeout=RENDER_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def render_folder(folder: Path) -> list[Object]:
    """Return the objects of any folder with a kustomization."""
    # The C loader is ten times as fast, where it was built in.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(_text(folder), Loader=loader) if document]


@cache
def _loaded(overlay: str) -> tuple[Object, ...]:
    return tuple(render_folder(OVERLAYS / overlay))


def render(overlay: str) -> list[Object]:
    """Return the objects of an overlay, shared between callers: copy before changing them."""
    return list(_loaded(overlay))
