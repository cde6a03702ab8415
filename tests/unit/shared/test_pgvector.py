"""Migrations refuse a pgvector that may corrupt indexes.

The connection is a stand-in: no server here has an old one.
"""

from typing import Any

import pytest

from shared.migrate import UnfitDatabase, check_pgvector


class Catalogue:
    """Answers as pg_available_extensions would."""

    def __init__(self, row: dict[str, Any] | None) -> None:
        self._row = row

    async def fetchrow(self, _: str) -> dict[str, Any] | None:
        """Return the row of pgvector."""
        return self._row


async def check(default: str, installed: str | None) -> None:
    """Check a server that offers one version and has installed another."""
    await check_pgvector(Catalogue({"default_version": default, "installed_version": installed}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("default", "installed"), [("0.8.4", None), ("0.8.6", "0.8.4"), ("0.10.0", None), ("1.0", "1.0")]
)
async def test_a_sound_pgvector_is_taken(default: str, installed: str | None) -> None:
    """From 0.8.4 on, compared as numbers."""
    await check(default, installed)


@pytest.mark.parametrize(
    ("default", "installed", "advice"),
    [("0.8.1", None, "install 0.8.4"), ("0.8.3", "0.8.3", "install 0.8.4"), ("0.8.6", "0.8.2", "ALTER EXTENSION")],
)
async def test_an_old_one_is_refused(default: str, installed: str | None, advice: str) -> None:
    """The message names the version and what to do."""
    with pytest.raises(UnfitDatabase, match=advice) as refused:
        await check(default, installed)
    assert (installed or default) in str(refused.value)


async def test_none_is_refused() -> None:
    """A Postgres without pgvector is told so."""
    with pytest.raises(UnfitDatabase, match="no pgvector"):
        await check_pgvector(Catalogue(None))  # type: ignore[arg-type]
