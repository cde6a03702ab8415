"""The relay lives through whatever a database does under it."""

import asyncio
from typing import Any

import asyncpg
import pytest

from events.bridge import relay
from events.bridge.relay import Relay
from events.bridge.settings import BridgeSettings

SETTINGS = BridgeSettings(
    kafka_bootstrap="127.0.0.1:1", database_url="postgresql://nobody@127.0.0.1:1/none", bridge_delivery=False
)

LOST = [
    asyncpg.InternalClientError("got result for unknown protocol state 3"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    ConnectionRefusedError("nobody listens"),
    TimeoutError(),
]


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
async def test_a_lost_database_is_connected_to_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a restart of Postgres raises, the relay tries again and ends only when it is told to."""
    monkeypatch.setattr(relay, "RETRY_S", 0.0)
    stop, attempts = asyncio.Event(), 0

    async def fail(*_: Any, **__: Any) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            stop.set()
        raise error

    monkeypatch.setattr(asyncpg, "connect", fail)
    async with asyncio.timeout(30):
        await Relay(SETTINGS, stop).run()
    assert attempts == 3


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
async def test_a_connection_that_cannot_be_closed_is_dropped(error: Exception) -> None:
    """Closing what is lost already raises the same, and hides no other failure."""

    class Connection:
        dropped = False

        async def close(self, **_: float) -> None:
            raise error

        def terminate(self) -> None:
            self.dropped = True

    connection = Connection()
    await relay._close(connection)
    assert connection.dropped
