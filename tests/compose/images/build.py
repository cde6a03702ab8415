"""Builds the images that stand in for foreign ones: `python -m tests.compose.images.build --base IMAGE`."""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from local.kafka_jars import provide_jars

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
LOCKS = ("requirements/bootstrap.txt", "requirements/dev.txt")
# A program built from deploy/collector/manifest.yaml; without it the deployment under test has no collector.
COLLECTOR = os.environ.get("RESEARCH_KB_COLLECTOR", "")


def names() -> list[str]:
    """Return what can be built."""
    return sorted(path.stem for path in HERE.glob("*.Dockerfile") if COLLECTOR or path.stem != "collector")


def build(base: str) -> list[str]:
    """Build every image on `base`; return their names. Raises: CalledProcessError."""
    built = []
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copytree(HERE, context / "images", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        (context / "requirements").mkdir()
        for name in LOCKS:
            shutil.copyfile(CHECKOUT / name, context / name)
        (context / "jars").mkdir()
        for jar in provide_jars():
            shutil.copyfile(jar, context / "jars" / jar.name)
        if COLLECTOR:
            shutil.copy(COLLECTOR, context / "collector")
        for name in names():
            built.append(f"research-kb-lab/{name}:lab")
            command = ["docker", "build", "-q", "--network", "host", "--build-arg", f"BASE={base}"]
            command += ["-f", str(context / "images" / f"{name}.Dockerfile"), "-t", built[-1], folder]
            print(f"building {built[-1]}", flush=True)
            # The classic builder: nothing here needs more, and an engine may lack it.
            subprocess.run(command, env={"DOCKER_BUILDKIT": "0"} | os.environ, check=True)
    return built


def main() -> None:
    """Build all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True)
    build(parser.parse_args().base)


if __name__ == "__main__":
    main()
