"""Keys and their budgets in Postgres."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from functions.keys.models import EndedWindow, Key, KeyList, Limits, MadeKey, NewKey, Usage, Window
from shared.api_keys import ApiKey, mint_key
from shared.cursor import decode_cursor, page
from shared.database import load_sql
from shared.problems import Problem

if TYPE_CHECKING:
    import asyncpg

    Executor = asyncpg.Pool[Any] | asyncpg.Connection[Any]

ENDED_WINDOWS = 168
"""Hours that GET /usage shows: a week of them."""


async def create_key(executor: "Executor", asked: NewKey, text: ApiKey | None = None) -> MadeKey:
    """Store a new key (`text`, or one minted here) and return it; nobody can read its text again."""
    key, limits = text or mint_key(), asked.effective_limits()
    created_at = await executor.fetchval(
        load_sql(__file__, "create_key"),
        key.id,
        asked.name,
        key.secret_sha256,
        asked.tier,
        asked.scopes,
        asked.collections,
        limits.per_hour,
        limits.concurrent,
        asked.expires_at,
    )
    said = asked.model_dump(exclude={"limits"})
    return MadeKey(**said, id=key.id, limits=limits, created_at=created_at, revoked_at=None, key=key.reveal())


async def list_keys(executor: "Executor", limit: int, cursor: str | None) -> KeyList:
    """Return a page of keys, newest first."""
    position = decode_cursor("keys", cursor, datetime, UUID)
    rows = await executor.fetch(load_sql(__file__, "list_keys"), *position, limit + 1)
    kept, following = page("keys", rows, limit, "created_at", "id")
    return KeyList(items=[Key(**dict(row), limits=_limits(row)) for row in kept], next_cursor=following)


async def revoke_key(executor: "Executor", key_id: UUID) -> None:
    """Revoke a key, at once and for ever; again, it changes nothing. A Problem 404 for an unknown one."""
    if await executor.fetchval(load_sql(__file__, "revoke_key"), key_id) is None:
        raise _unknown(key_id)


async def read_usage(executor: "Executor", key_id: UUID) -> Usage:
    """Return what a key has used; a Problem 404 for an unknown one."""
    row = await executor.fetchrow(load_sql(__file__, "usage"), key_id)
    if row is None:
        raise _unknown(key_id)
    ended = await executor.fetch(load_sql(__file__, "ended_windows"), key_id, ENDED_WINDOWS)
    started_at = row["window_started_at"]
    window = Window(
        started_at=started_at,
        resets_at=started_at + timedelta(hours=1) if started_at else None,
        requests=row["window_requests"],
        remaining=max(row["per_hour"] - row["window_requests"], 0),
    )
    windows = [EndedWindow(started_at=past["window_started_at"], requests=past["requests"]) for past in ended]
    return Usage(**dict(row), limits=_limits(row), window=window, ended_windows=windows)


def _limits(row: Any) -> Limits:
    return Limits(per_hour=row["per_hour"], concurrent=row["concurrent"])


def _unknown(key_id: UUID) -> Problem:
    return Problem(404, "key-not-found", "No such key", str(key_id), "GET /keys lists the keys with their ids.")
