"""The engine, and the images under test: those that `make images` built, $PREFIX and $TAG as there."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.images.build import version

PREFIX, TAG = os.environ.get("PREFIX") or "research-kb", os.environ.get("TAG") or version()
PROGRAM = shutil.which("docker") or "docker"
# No test gets there: nothing is connected before the first request that needs it.
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def docker(*arguments: str, check: bool = True, timeout_s: float = 120, text: str | None = None) -> str:
    """Run docker and return what it printed."""
    done = subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=timeout_s, input=text
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def why_not() -> str | None:
    """Return why nothing can be run here, or None."""
    if shutil.which(PROGRAM) is None:
        return "docker is not installed"
    done = subprocess.run([PROGRAM, "info"], capture_output=True, check=False, timeout=60)
    return None if done.returncode == 0 else "no docker engine answers"


@dataclass(frozen=True)
class Image:
    """One image in the engine."""

    name: str

    @property
    def reference(self) -> str:
        return f"{PREFIX}/{self.name}:{TAG}"

    def configuration(self) -> dict[str, Any]:
        """Return what the engine knows of it."""
        found: dict[str, Any] = json.loads(docker("image", "inspect", self.reference))[0]
        return found

    @contextmanager
    def running(self) -> Iterator["Container"]:
        """Run it as production does: read-only, no capability, /tmp in memory; remove it at the end."""
        hardened = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        settings = ["-e", f"DATABASE_URL={NOWHERE}", "-e", "OBJECT_STORE_URL=file:///tmp/objects"]
        identity = docker("run", "-d", *hardened, *settings, "-p", "127.0.0.1::8080", self.reference)
        try:
            yield Container(identity, docker("port", identity, "8080/tcp").splitlines()[0])
        finally:
            docker("rm", "-f", identity)


@dataclass(frozen=True)
class Container:
    """One running image and the address of its port."""

    identity: str
    address: str

    def await_ready(self, give_up_after_s: float = 120) -> None:
        """Wait for the first 200 on /ready."""
        deadline = time.monotonic() + give_up_after_s
        while not self._is_ready():
            assert time.monotonic() < deadline, docker("logs", self.identity)
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/ready", timeout=5) as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def built(name: str) -> Image:
    """Return the image; skip where it was not built."""
    found = Image(name)
    if not docker("images", "-q", found.reference):
        pytest.skip(f"no image {found.reference}: `make images BUILD=docker` first")
    return found
