"""Fixtures: an engine, and each image in it."""

import pytest

from deploy.images.build import OTHERS, functions
from tests.images.engine import Image, built, why_not


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no engine runs."""
    if reason := why_not():
        pytest.skip(f"images are not tested: {reason}")


@pytest.fixture(params=[*functions(), *OTHERS])
def image(request: pytest.FixtureRequest, engine: None) -> Image:
    """Each image that is there."""
    return built(request.param)


@pytest.fixture(params=functions())
def function(request: pytest.FixtureRequest, engine: None) -> Image:
    """Each function's image that is there."""
    return built(request.param)
