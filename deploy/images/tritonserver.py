"""Lays NVIDIA's server out of the wheel `nvidia-pytriton`: `python tritonserver.py FOLDER` makes bin, lib and backends.

Run by the environment that holds the wheel; links, so that nothing is twice in the image.
"""

import sys
import sysconfig
from pathlib import Path


def main(folder: Path) -> None:
    """Make `folder` with the server, its libraries and the Python backend with the stub of this Python."""
    packages = Path(sysconfig.get_path("purelib"))
    server = packages / "pytriton" / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "backends" / "python"
    python.mkdir(parents=True)
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    for source in (*(server / "backends" / "python").iterdir(), stub):
        (python / source.name).symlink_to(source)
    (folder / "bin").symlink_to(server / "bin")
    (folder / "lib").symlink_to(packages / "nvidia_pytriton.libs")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
