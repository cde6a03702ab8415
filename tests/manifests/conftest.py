"""Rendered overlays; where kustomize can't be had the tests skip, or fail where REQUIRE_KUSTOMIZE says it must be."""

import os
from collections.abc import Callable

import pytest

from tests.manifests.rendering import NoKustomize, Object, kustomize, render


@pytest.fixture(scope="session")
def rendered() -> Callable[[str], list[Object]]:
    """What turns an overlay's name into its objects."""
    try:
        kustomize()
    except NoKustomize as exc:
        if os.environ.get("REQUIRE_KUSTOMIZE") == "1":
            pytest.fail(str(exc))
        pytest.skip(f"manifests cannot be rendered: {exc}")
    return render
