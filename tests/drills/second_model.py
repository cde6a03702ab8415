"""A second embedder on a model server of its own: the default's weights with the signs of half the dimensions turned.

It ranks exactly as the default does and lives in another space: a query of one model against passages of the other has
similarities near zero, which no answer may show.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
from safetensors.numpy import load_file, save_file

from tests.conftest import free_port
from tests.drills.deployment import Place, until
from triton_models.build import build
from triton_models.repository import Choice, assemble, find_default

NAME = "all-MiniLM-L6-v2-turned"
LAST_LAYER = "encoder.layer.5.output.LayerNorm."


def make_repository(home: Path) -> Path:
    """Build the model below `home` and return the folder that a model server serves."""
    source = home / "turned"
    shutil.copytree(find_default(), source)
    tensors = load_file(source / "model.safetensors")
    signs = np.where(np.arange(384) % 2 == 0, 1, -1).astype(np.float32)
    for part in ("weight", "bias"):
        tensors[LAST_LAYER + part] = tensors[LAST_LAYER + part] * signs
    (source / "model.safetensors").unlink()
    save_file(tensors, source / "model.safetensors")
    build(source, home, NAME, "embedder")
    return assemble(Choice(home, NAME))


class SecondServer:
    """`python -m triton_models.standin` with the second model; it can be stopped in the middle of its work."""

    def __init__(self, place: Place, home: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "triton_models.standin", "--repository", str(make_repository(home))]
        with (place.logs / "second.log").open("ab") as log:
            self._process = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log)

    async def ready(self) -> None:
        """Wait until every model is loaded."""
        async with httpx.AsyncClient() as client:
            await until(lambda: self._is_ready(client))

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/v2/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    def freeze(self) -> None:
        """Answer nothing from now on, with every connection open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End it."""
        self.thaw()
        self._process.terminate()
        self._process.wait(30)
