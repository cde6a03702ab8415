"""Postgres: the pool, the queries in .sql files, and the binary form of vectors."""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from shared.problems import DependencyUnavailable
from shared.tracing import is_recording

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]
    """What a query runs on: a connection of one's own, or one lent by the pool."""

UNAVAILABLE: tuple[type[BaseException], ...]
"""What a database that is away, starting, stopping or failing over raises. Filled by its first use."""


def __getattr__(name: str) -> Any:
    """Compute UNAVAILABLE when it is first asked for: importing the driver takes a tenth of a cold start."""
    if name != "UNAVAILABLE":
        raise AttributeError(name)
    import asyncpg

    globals()[name] = (
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # a connection that ended at a moment which the driver does not expect
        asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.TooManyConnectionsError,
        asyncpg.ReadOnlySQLTransactionError,
        OSError,  # ConnectionError and TimeoutError are two of its kinds
    )
    return globals()[name]


def address_without_password(dsn: str) -> str:
    """Return a database's address as it may be shown."""
    parts = urlsplit(dsn)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}" if user else host))


def no_connection() -> tuple[type[BaseException], ...]:
    """Return what opening a connection raises: for programs, which end with one line (`explain_away`)."""
    import asyncpg

    refused = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
    return (*__getattr__("UNAVAILABLE"), *refused)


def explain_away(dsn: str, exc: BaseException) -> str:
    """Return one line: which database did not let a program in, why, and what to do."""
    why = " ".join(str(exc).split()) or type(exc).__name__
    return f"The database {address_without_password(dsn)} does not let us in: {why}. Start it, or correct DATABASE_URL."


def is_temporary(exc: BaseException) -> bool:
    """Tell whether the same work may succeed later: what depends on servers, locks and resources, not on its data."""
    import asyncpg

    if isinstance(exc, ValueError):
        return False  # asyncpg's DataError is an InterfaceError too, and a bug
    return isinstance(
        exc,
        (
            *__getattr__("UNAVAILABLE"),
            asyncpg.TransactionRollbackError,  # serialization failures and deadlocks
            asyncpg.LockNotAvailableError,
            asyncpg.QueryCanceledError,
            asyncpg.InsufficientResourcesError,
            asyncpg.OperatorInterventionError,
        ),
    )


@cache
def load_sql(module_file: str, name: str) -> str:
    """Return the query `sql/<name>.sql` beside the module whose `__file__` is given, its name as a comment before it.

    The name shows in spans, in pg_stat_activity and in Postgres' log.
    """
    return f"{_NAMED}{name}\n" + (Path(module_file).parent / "sql" / f"{name}.sql").read_text()


_NAMED = "-- query "


def statement_name(query: str) -> str:
    """Return the name of a query's file; of what is in no file its first word, BEGIN or COMMIT say."""
    if query.startswith(_NAMED):
        return query[len(_NAMED) : query.index("\n")]
    return query.lstrip().partition(" ")[0].rstrip(";").upper()[:16]


def connection_class() -> "type[asyncpg.Connection[Any]]":
    """Return what connections are made of: asyncpg's own class, unless spans are recorded."""
    if is_recording():
        from shared.traced_connection import TracedConnection

        return TracedConnection
    import asyncpg

    return asyncpg.Connection


def encode_halfvec(vector: bytes) -> bytes:
    """Turn float32 little-endian bytes, shape (dimension,), into pgvector's binary halfvec.

    Values beyond half precision's range are clipped to +-65504.
    """
    count = len(vector) // 4
    floats = struct.unpack(f"<{count}f", vector)
    try:
        halves = struct.pack(f">{count}e", *floats)
    except OverflowError:
        halves = struct.pack(f">{count}e", *(max(-65504.0, min(65504.0, value)) for value in floats))
    return struct.pack(">HH", count, 0) + halves


def decode_halfvec(data: bytes) -> bytes:
    """Turn pgvector's binary halfvec into float32 little-endian bytes, shape (dimension,)."""
    (count,) = struct.unpack_from(">H", data)
    return struct.pack(f"<{count}f", *struct.unpack_from(f">{count}e", data, 4))


async def prepare_connection(connection: "asyncpg.Connection[Any]") -> None:
    """Teach a new connection our types: halfvec as float32 bytes, jsonb as Python values."""
    import orjson

    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
        format="binary",
    )
    try:
        await connection.set_type_codec(
            "halfvec", schema="public", encoder=encode_halfvec, decoder=decode_halfvec, format="binary"
        )
    except ValueError:
        return  # before the first migration there is no such type


async def open_pool(dsn: str, size: int, command_timeout_s: float) -> "asyncpg.Pool[Any]":
    """Open a pool of at most `size` connections, none of them made before it is needed.

    Raises
    ------
    DependencyUnavailable
        When Postgres does not answer.
    """
    import asyncpg

    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            command_timeout=command_timeout_s,
            max_inactive_connection_lifetime=60,  # a function about to scale to zero holds no idle backends
            init=prepare_connection,
            reset=_keep,
            connection_class=connection_class(),
        )
    except __getattr__("UNAVAILABLE") as exc:
        raise DependencyUnavailable("Postgres", str(exc) or type(exc).__name__) from exc


async def _keep(connection: Any) -> None:
    """Skip asyncpg's reset query: sessions hold no state, and transaction pooling forbids it."""


def batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield `items` in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
