"""NVIDIA Triton from the wheel nvidia-pytriton, without Docker; where it cannot run, the project's stand-in."""

from __future__ import annotations

import http.client
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from local.settings import REPOSITORY, StackError, StackSettings

# numpy 2 aborts the stub on BYTES tensors, and numpy 1 has no wheel for later versions.
PYTHONS = ((3, 11), (3, 12))
ENVIRONMENT = REPOSITORY / ".venv-triton"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's folder of named segments, where the server makes them
ASSEMBLY_TIMEOUT_S = 600
READY_TIMEOUT_S = 2.0
# Requests in progress may end; then the server leaves by itself.
EXIT_TIMEOUT_S = 10


@dataclass(frozen=True)
class Triton:
    """One model server over the repository in `folder`; three ports on LISTEN."""

    settings: StackSettings
    port: int
    grpc_port: int
    metrics_port: int

    @property
    def folder(self) -> Path:
        return self.settings.home / "triton"

    @property
    def url(self) -> str:
        """TRITON_URL: KServe v2 over HTTP."""
        return f"http://{self.settings.address(self.port)}"

    @property
    def shared_memory_prefix(self) -> str:
        return f"rkb_{self.settings.key}_"

    def prepare(self) -> list[str]:
        """Assemble the model repository; returns the command of the server, or of its stand-in.

        Raises StackError when the models cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._assemble()
        self.sweep()
        if why_standin():
            return [sys.executable, "-m", "triton_models.standin", "--port", str(self.port)]
        return self._server_command()

    def environment(self) -> dict[str, str]:
        """Variables that the command needs besides the stack's."""
        if why_standin():
            return {"RESEARCH_KB_HOME": str(self.settings.home), "LISTEN": self.settings.listen}
        libraries = [str(_packages() / "nvidia_pytriton.libs"), *_libpython_folder()]
        return {
            "LD_LIBRARY_PATH": ":".join([*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]),
            # The stub embeds the Python it finds first here, and so gets the packages of that environment.
            "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": str(REPOSITORY),
            # glibc keeps an arena per thread; with one for each of two cores the server stays a third smaller.
            "MALLOC_ARENA_MAX": "2",
        }

    def is_ready(self) -> bool:
        """True when every model is loaded and warmed up."""
        connection = http.client.HTTPConnection(self.settings.connect_host, self.port, timeout=READY_TIMEOUT_S)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def sweep(self) -> None:
        """Remove the segments that a killed server of this stack left in shared memory. Nothing of it may run."""
        for segment in SHARED_MEMORY.glob(f"{self.shared_memory_prefix}*"):
            segment.unlink(missing_ok=True)

    def _assemble(self) -> None:
        command = [sys.executable, "-m", "triton_models.repository", "--home", str(self.settings.home)]
        command += ["--device", "cpu"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASSEMBLY_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise StackError(f"The models could not be made ready: {(done.stderr or done.stdout).strip()}")

    def _server_command(self) -> list[str]:
        listen = self.settings.listen
        return [
            str(_packages() / "pytriton" / "tritonserver" / "bin" / "tritonserver"),
            f"--model-repository={self.folder / 'repository'}",
            f"--backend-directory={self._link_backend()}",
            f"--backend-config=python,shm-region-prefix-name={self.shared_memory_prefix}",
            "--model-control-mode=none",
            f"--http-address={listen}",
            f"--http-port={self.port}",
            f"--grpc-address={listen}",
            f"--grpc-port={self.grpc_port}",
            f"--metrics-address={listen}",
            f"--metrics-port={self.metrics_port}",
            f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
            "--log-info=false",
            # No GPU here: without these it warns of each thing that it looked for and did not find.
            "--allow-gpu-metrics=false",
            "--pinned-memory-pool-byte-size=0",
        ]

    def _link_backend(self) -> Path:
        """A backend folder with the stub of this Python beside the backend, as the server expects it.

        Links, not copies, made anew at every start: they follow the environment when it is rebuilt.
        """
        server = _packages() / "pytriton" / "tritonserver"
        folder = self.folder / "backends" / "python"
        folder.mkdir(parents=True, exist_ok=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
        for source in (*(server / "backends" / "python").iterdir(), stub):
            link = folder / source.name
            link.unlink(missing_ok=True)
            link.symlink_to(source)
        return folder.parent


def why_standin() -> str | None:
    """The reason for which tritonserver cannot run here, or None when it can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"tritonserver's wheel is for Linux on x86-64, this is {platform.system()} on {platform.machine()}"
    if sys.version_info[:2] not in PYTHONS:
        return f"tritonserver's Python backend needs Python 3.11 or 3.12, this is {platform.python_version()}"
    if not _has_libpython():
        return f"{_libpython()} is missing (apt-get install lib{_version()})"
    if not (_packages() / "pytriton" / "tritonserver").is_dir():
        return f"nvidia-pytriton is not installed in {ENVIRONMENT}; `make up` installs it"
    return None


def _version() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _packages() -> Path:
    return ENVIRONMENT / "lib" / _version() / "site-packages"


def _libpython() -> str:
    return f"lib{_version()}.so.1.0"


def _libpython_folder() -> list[str]:
    """Where this Python brings its shared library along; none when only the system has it."""
    folder = sysconfig.get_config_var("LIBDIR")
    return [str(folder)] if folder and (Path(folder) / _libpython()).exists() else []


@cache
def _has_libpython() -> bool:
    """True when the backend's stub can load Python as a library."""
    if _libpython_folder():
        return True
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        listed = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, timeout=10, check=False).stdout
    except OSError:
        return False
    return _libpython() in listed
