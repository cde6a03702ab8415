"""Compose runs other models: what deploy/compose/model.yml and second-model.yml make of docker-compose.prod.yml."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from deploy.compose.check import NoCompose, check, compose_command
from deploy.images.build import CHECKOUT

COMPOSE = CHECKOUT / "deploy" / "compose"
SETTINGS = {"RESEARCH_KB_MODELS": "/srv/models", "FIRST_MODEL": "first", "SECOND_MODEL": "second"}
ASKING = {"search", "health", "embed", "metrics", "register-model", "cli"}


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """What Compose makes of docker-compose.prod.yml and files on it: the services by name."""
    try:
        command = compose_command()
    except NoCompose as exc:
        pytest.skip(f"not validated by Compose: {exc}")
    for name in ("TRITON_URL", "NEXT_TRITON_URL", "NEXT_EMBEDDER_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)

    def configure(*files: str, **variables: str) -> dict[str, Any]:
        overrides = [COMPOSE / file for file in files]
        assert check(command, *overrides) == []
        named = [part for path in (CHECKOUT / "docker-compose.prod.yml", *overrides) for part in ("-f", str(path))]
        profiles = [part for name in ("gpu", "cpu", "tools") for part in ("--profile", name)]
        arguments = [*command, "--env-file", os.devnull, *named, *profiles, "config", "--format", "json"]
        environment = {**os.environ, **variables}
        done = subprocess.run(
            arguments, capture_output=True, check=True, cwd=CHECKOUT, timeout=60, env=environment, text=True
        )
        services: dict[str, Any] = json.loads(done.stdout)["services"]
        return services

    return configure


def _mounts(service: dict[str, Any]) -> dict[str, str]:
    """Return source by target; every one is read-only."""
    assert all(each["read_only"] for each in service["volumes"])
    return {each["target"]: each["source"] for each in service["volumes"]}


def test_compose_starts_with_another_model(configured: Callable[..., dict[str, Any]]) -> None:
    """model.yml: the first model server and extract read the model that .env names."""
    services = configured("model.yml")
    for name in ("triton", "triton-cpu"):
        assert _mounts(services[name]) == {"/app/home": "/srv/models/first"}
    assert _mounts(services["extract"]) == {"/app/home/models/first": "/srv/models/first/models/first"}


@pytest.mark.parametrize("first", ["triton", "triton-cpu"])
def test_compose_runs_a_second_model_server(configured: Callable[..., dict[str, Any]], first: str) -> None:
    """second-model.yml: as closed as the first one, at an address of its own."""
    services = configured("model.yml", "second-model.yml")
    second = services[f"{first}-second"]
    assert _mounts(second) == {"/app/home": "/srv/models/second"}
    assert {name: each["aliases"] for name, each in second["networks"].items()} == {
        "data": ["triton-second"], "watch": ["triton-second"]}  # fmt: skip
    own = {"networks", "volumes"}
    assert {k: v for k, v in second.items() if k not in own} == {
        k: v for k, v in services[first].items() if k not in own
    }
    assert set(_mounts(services["extract"])) == {"/app/home/models/first", "/app/home/models/second"}


def test_compose_tells_every_function_where_the_models_are(configured: Callable[..., dict[str, Any]]) -> None:
    """Whoever asks the first model server hears of the second; then the second takes its place, and none is next."""
    services = configured("second-model.yml")
    environments = {name: each.get("environment") or {} for name, each in services.items()}
    asking = {name: each for name, each in environments.items() if "TRITON_URL" in each}
    assert asking.keys() == ASKING
    for environment in asking.values():
        assert environment["TRITON_URL"] == "http://triton:8000"
        assert environment["NEXT_TRITON_URL"] == "http://triton-second:8000"
        assert environment["NEXT_EMBEDDER_MODEL"] == "second"
    settled = configured("second-model.yml", TRITON_URL="http://triton-second:8000", EMBEDDER_MODEL="second",
                         NEXT_TRITON_URL="", NEXT_EMBEDDER_MODEL="")  # fmt: skip
    for name in ASKING:
        environment = settled[name]["environment"]
        assert (environment["TRITON_URL"], environment["EMBEDDER_MODEL"]) == ("http://triton-second:8000", "second")
        assert environment["NEXT_TRITON_URL"] == environment["NEXT_EMBEDDER_MODEL"] == ""


def test_compose_moves_the_model_to_the_first_server(configured: Callable[..., dict[str, Any]]) -> None:
    """Both servers on one model for a while: extract has it once."""
    services = configured("model.yml", "second-model.yml", FIRST_MODEL="second")
    assert _mounts(services["triton"]) == _mounts(services["triton-second"])
    assert _mounts(services["extract"]) == {"/app/home/models/second": "/srv/models/second/models/second"}
