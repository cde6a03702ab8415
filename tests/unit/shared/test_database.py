"""What counts as a database that is away."""

import asyncpg
import pytest

from shared.database import UNAVAILABLE


@pytest.mark.parametrize(
    "raised",
    [
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
)
def test_whatever_a_restart_of_postgres_makes_the_driver_raise_is_unavailable(raised: Exception) -> None:
    """503 and another try, not 500; seen while Postgres was restarted below running requests."""
    assert isinstance(raised, UNAVAILABLE)
