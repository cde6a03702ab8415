"""What the images hold, and what they do not."""

import json
from pathlib import Path

from deploy.images.build import functions
from tests.images.engine import Image, docker

PROBE = (Path(__file__).parent / "probe.py").read_text()
MIB = 2**20
# With 180 MB of base system; the largest function (extract) adds 120 MB.
MOST_MIB = {"cli": 550, "bridge": 350, "triton-cpu": 900, "triton": 25_000}
MOST_MIB_OF_A_FUNCTION = 350


def test_size(image: Image) -> None:
    """A node pulls no more than it must: each image stays below its size."""
    size = image.configuration()["Size"] / MIB
    assert size < MOST_MIB.get(image.name, MOST_MIB_OF_A_FUNCTION), f"{size:.0f} MiB"


def test_user_and_start(image: Image) -> None:
    """An image runs as a numeric user that is not root, and starts a program, not a shell."""
    known = image.configuration()["Config"]
    assert known["User"] == "65532:65532"
    start = [*(known["Entrypoint"] or []), *(known["Cmd"] or [])]
    assert start[0].startswith("/app/") or start[0] in {"research-kb", "/opt/tritonserver/bin/tritonserver"}
    secret = [line for line in known["Env"] if any(word in line.upper() for word in ("PASSWORD", "SECRET", "TOKEN"))]
    assert not secret


def test_nothing_but_the_program(image: Image) -> None:
    """No compiler, installer, cache, test or secret is inside; all code is compiled and belongs to root."""
    if image.name == "triton":  # NVIDIA's base brings tools of its own
        return
    arguments = ["run", "--rm", "-i", "--user", "0", "--network", "none", "--entrypoint", "/app/venv/bin/python"]
    found = json.loads(docker(*arguments, image.reference, "-", text=PROBE))
    assert found == {kind: [] for kind in found}, found


def test_only_its_own_function(function: Image) -> None:
    """A function's image holds no other function's code."""
    listed = docker(
        "run", "--rm", "--network", "none", "--entrypoint", "/bin/ls", function.reference, "/app/functions"
    )
    assert set(listed.split()) & set(functions()) == {function.name}
