"""Services for the tests of the bridge, which may stop and kill them; places for those of backups."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import Stack
from tests.integration.backup_rig import make_places
from tests.integration.bridge_rig import Rig, open_rig


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def bridge_services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A broker, a database and a receiver."""
    async with open_rig(tmp_path_factory.mktemp("bridge")) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def rig(bridge_services: Rig) -> AsyncIterator[Rig]:
    """The services without a bridge, and with a receiver that takes everything."""
    bridge_services.receiver.reset()
    yield bridge_services
    await bridge_services.end_bridges()


@pytest_asyncio.fixture(loop_scope="session")
async def places(stack: Stack, tmp_path: Path) -> AsyncIterator[Any]:
    """A maker of places: a database and an object store each."""
    async with make_places(stack, tmp_path) as make:
        yield make
