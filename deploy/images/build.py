"""Builds the images: `python3 -m deploy.images.build [--build docker|buildah] [--base IMAGE] [--tag TAG] [NAME ...]`.

Without names it builds every function, bridge, cli and triton-cpu; `triton` (on NVIDIA's image) only when named.
Standard library only. The last lines on stdout are the names of what was built.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
OTHERS = {
    "bridge": "deploy/images/bridge.Dockerfile",
    "cli": "deploy/images/cli.Dockerfile",
    "triton-cpu": "triton_models/cpu.Dockerfile",
    "triton": "triton_models/Dockerfile",
}
ON_REQUEST = {"triton"}
BARE = "bare"
"""The yardstick of bench.images and tests/cluster, made from the health function's image; built when named."""


@dataclass(frozen=True)
class Build:
    """How images are built: the tool, the base (empty: each Dockerfile's own) and what they are called."""

    tool: str
    base: str
    prefix: str
    tag: str

    def name(self, image: str) -> str:
        """Return the full name of an image."""
        return f"{self.prefix}/{image}:{self.tag}"

    def command(self, image: str) -> list[str]:
        """Return the command line that builds one image."""
        known = [self.tool, "bud", "--layers"] if self.tool == "buildah" else [self.tool, "build"]
        arguments = []
        if image == BARE:
            dockerfile = "bench/bare.Dockerfile"
            arguments += ["--build-arg", f"FUNCTION_IMAGE={self.name('health')}"]
        elif image in OTHERS:
            dockerfile = OTHERS[image]
        else:
            dockerfile = "functions/Dockerfile"
            arguments += ["--build-arg", f"FUNCTION={image}"]
        if self.base and image not in {*ON_REQUEST, BARE}:
            arguments += ["--build-arg", f"BASE={self.base}"]
        # Packages come from the index that the builder's own network reaches.
        return [*known, "--network", "host", "-q", "-f", dockerfile, *arguments, "-t", self.name(image), "."]


def functions() -> list[str]:
    """Return the names of the functions: the folders with a main.py."""
    return sorted(path.parent.name for path in (CHECKOUT / "functions").glob("*/main.py"))


def version() -> str:
    """Return the project's version, the default tag."""
    return str(tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def build_all(build: Build, images: Sequence[str]) -> list[str]:
    """Build each image and return the names. Raises: CalledProcessError."""
    environment = dict(os.environ)
    if build.tool == "docker":
        environment.setdefault("DOCKER_BUILDKIT", "0")  # nothing here needs more, and an engine may lack it
    for image in images:
        print(f"building {build.name(image)}", file=sys.stderr, flush=True)
        subprocess.run(build.command(image), cwd=CHECKOUT, env=environment, check=True, stdout=sys.stderr)
    return [build.name(image) for image in images]


def default_tool() -> str:
    """Return docker, or buildah where there is no docker."""
    return "docker" if shutil.which("docker") else "buildah"


def main() -> int:
    """Build what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.environ.get("BUILD") or default_tool(), choices=["docker", "buildah"])
    parser.add_argument("--base", default=os.environ.get("BASE", ""))
    parser.add_argument("--prefix", default="research-kb")
    parser.add_argument("--tag", default=version())
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    everything = [*functions(), *(name for name in OTHERS if name not in ON_REQUEST)]
    unknown = set(options.names) - set(functions()) - {*OTHERS, BARE}
    if unknown:
        parser.error(f"no such image: {', '.join(sorted(unknown))}; there are {', '.join([*functions(), *OTHERS])}")
    try:
        names = build_all(Build(options.build, options.base, options.prefix, options.tag), options.names or everything)
    except subprocess.CalledProcessError as exc:
        print(f"error: {exc.cmd[0]} failed (status {exc.returncode}); see above", file=sys.stderr)
        return 1
    print("\n".join(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
