"""The topics of the contract, made where they are missing: one place for the bridge and for the embedded stack.

Topics that are there stay as they are, whoever made them: an operator's limits and retention are not overwritten.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from events.topics import DEAD_LETTERS_TOPIC, PARTITIONS, TOPICS

RETENTION_MS = 7 * 24 * 3_600_000
"""A week: PROCESSED_EVENTS_HOURS is a day longer, so that a topic that is read again is still recognised."""
DEAD_LETTER_RETENTION_MS = 30 * 24 * 3_600_000
"""Nothing comes after the dead letters' topic: whoever stores them may be away for longer than a week."""
DEAD_LETTER_BYTES = 2 * 2**20 + 64 * 1024
"""Of one record batch: an event of the largest size with the headers that say why. What the bridge's producer lets
through (2 MiB, events/bridge/kafka.py) fits; Kafka's default of 1 MiB is every other topic's limit."""
MOST_REPLICAS = 3
"""Three copies survive the loss of a broker during maintenance of another; a stock broker's default is one copy."""
REQUEST_TIMEOUT_MS = 10_000


def topic_configs(name: str) -> dict[str, str]:
    """Return what a topic of the contract is configured with."""
    if name == DEAD_LETTERS_TOPIC:
        return {"retention.ms": str(DEAD_LETTER_RETENTION_MS), "max.message.bytes": str(DEAD_LETTER_BYTES)}
    return {"retention.ms": str(RETENTION_MS)}


async def make_topics(
    options: Mapping[str, Any], *, pause_s: float, timeout_s: float | None, on_wait: Callable[[Exception], None]
) -> list[str]:
    """Create every topic of the contract that is not there; return the names of the new ones.

    Waits until the brokers answer, telling `on_wait` of each failure; `options` are the client's.

    Raises
    ------
    TimeoutError
        When they do not within timeout_s.
    KafkaError
        When they refuse. With timeout_s None neither is raised: what is wrong may be put right while this waits.
    """
    started = time.monotonic()
    while True:
        try:
            return await _make_missing(options)
        except (KafkaError, OSError) as exc:
            if timeout_s is not None and _is_final(exc):
                raise
            if timeout_s is not None and time.monotonic() - started > timeout_s:
                where = options["bootstrap_servers"]
                raise TimeoutError(f"Kafka at {where} did not answer within {timeout_s:.0f} s: {exc!r}") from exc
            on_wait(exc)
            await asyncio.sleep(pause_s)


async def _make_missing(options: Mapping[str, Any]) -> list[str]:
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        missing = sorted(set(TOPICS) - set(await admin.list_topics()))
        if missing:
            replicas = min(MOST_REPLICAS, len((await admin.describe_cluster())["brokers"]))
            asked = [NewTopic(name, PARTITIONS, replicas, topic_configs=topic_configs(name)) for name in missing]
            _check((await admin.create_topics(asked)).topic_errors)
        # The first question for a group makes the broker create its offsets topic: before the consumers need it.
        await admin.find_coordinator("research-kb")
        return missing
    finally:
        await admin.close()


def _is_final(exc: Exception) -> bool:
    return isinstance(exc, KafkaError) and not (exc.retriable or isinstance(exc, KafkaConnectionError))


def _check(errors: list[tuple[Any, ...]]) -> None:
    for topic, code, *message in errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{topic}: {message}")
