"""The rig of the tests of the bridge: services of a module's own, which its tests may stop and kill."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

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
