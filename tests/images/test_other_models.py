"""The images serve another model than the one built into them: from a mounted home, or copied in."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.images.build import CHECKOUT
from tests.drills.second_model import NAME, make_repository
from tests.images.engine import Image, built, docker
from triton_models.architectures import UnsupportedModel

HARDENED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
READY_WITHIN_S = 180


@pytest.fixture(scope="module")
def second_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with another model than the images' own, as `python -m triton_models.repository` leaves it."""
    home = tmp_path_factory.mktemp("models") / "home"
    home.mkdir()
    try:
        make_repository(home)
    except UnsupportedModel as exc:
        pytest.skip(str(exc))
    return home


@contextmanager
def derived(image: Image, home: Path) -> Iterator[str]:
    """Build deploy/images/model.Dockerfile on an image, as the page says; remove it at the end."""
    name = f"{image.reference}-other-model"
    file = CHECKOUT / "deploy" / "images" / "model.Dockerfile"
    docker("build", "-q", "-f", str(file), "--build-arg", f"IMAGE={image.reference}", "-t", name, str(home),
           timeout_s=600)  # fmt: skip
    try:
        yield name
    finally:
        docker("rmi", name)


def served_model(reference: str, *options: str) -> str:
    """Run a model server as production does and return the name of the model that embeds passages."""
    identity = docker("run", "-d", *HARDENED, "--shm-size", "1g", *options, "-p", "127.0.0.1::8000", reference)
    try:
        address = docker("port", identity, "8000/tcp").splitlines()[0]
        deadline = time.monotonic() + READY_WITHIN_S
        while not _answers(f"http://{address}/v2/health/ready"):
            assert time.monotonic() < deadline, docker("logs", identity)
            time.sleep(0.2)
        with urllib.request.urlopen(f"http://{address}/v2/models/embedder/config", timeout=10) as response:
            return str(json.load(response)["parameters"]["model_name"]["string_value"])
    finally:
        docker("rm", "-f", identity)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def test_a_mounted_home_takes_the_place_of_the_built_in_model(engine: None, second_home: Path) -> None:
    """Mounted read-only at /app/home, the other model is loaded and answers under its name."""
    assert served_model(built("triton-cpu").reference, "-v", f"{second_home}:/app/home:ro") == NAME


def test_an_image_with_another_model_serves_it(engine: None, second_home: Path) -> None:
    """For nodes that mount nothing: the same home, copied into the image."""
    with derived(built("triton-cpu"), second_home) as reference:
        assert docker("image", "inspect", "-f", "{{.Config.User}}", reference) == "65532:65532"
        assert served_model(reference) == NAME


def test_extract_gets_the_tokenizer_alone(engine: None, second_home: Path) -> None:
    """Its image with another model knows both models' tokenizers and holds no weights."""
    look = "import os; print(*(p + '/' + f for p, _, files in os.walk('/app/home') for f in files))"
    with derived(built("extract"), second_home) as reference:
        found = docker("run", "--rm", *HARDENED, "--network", "none", "--entrypoint", "python", reference, "-c", look)
    assert set(found.split()) == {f"/app/home/models/{name}/tokenizer.json" for name in ("all-MiniLM-L6-v2", NAME)}


def test_extract_reads_a_mounted_tokenizer_beside_its_own(engine: None, second_home: Path) -> None:
    """As Compose's files mount it: below the image's own folder, in a root file system that nobody writes to."""
    mount = f"{second_home / 'models' / NAME}:/app/home/models/{NAME}:ro"
    load = "import os; print(*sorted(n for n in os.listdir('/app/home/models')"
    load += " if os.access(f'/app/home/models/{n}/tokenizer.json', os.R_OK)))"
    command = ["run", "--rm", *HARDENED, "--network", "none", "-v", mount, "--entrypoint", "python"]
    found = docker(*command, built("extract").reference, "-c", load)
    assert found.split() == ["all-MiniLM-L6-v2", NAME]
