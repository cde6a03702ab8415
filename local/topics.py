"""Make the topics that are missing: `python -m local.topics`, in a process of its own for aiokafka's 20 MB."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from events.topics import PARTITIONS, TOPICS

# A first start takes 4 s on two free cores; a crashed broker's recovery and a busy machine may take some times that.
TIMEOUT_S = 90.0
PAUSE_S = 0.2
# On an external cluster three copies survive the loss of a broker during maintenance of another.
MOST_REPLICAS = 3
REQUEST_TIMEOUT_MS = 10_000


async def make_topics(bootstrap: str, timeout_s: float = TIMEOUT_S) -> list[str]:
    """Create every topic of the contract that is not there; returns the names of the new ones.

    Waits until the broker answers. Raises TimeoutError when it does not within timeout_s.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return await _make_missing(bootstrap)
        except (KafkaError, OSError) as error:
            if isinstance(error, KafkaError) and not (error.retriable or isinstance(error, KafkaConnectionError)):
                raise
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"Kafka at {bootstrap} did not answer within {timeout_s:.0f} s: {error!r}"
                ) from error
            await asyncio.sleep(PAUSE_S)


async def _make_missing(bootstrap: str) -> list[str]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.start()
        missing = sorted(set(TOPICS) - set(await client.list_topics()))
        if missing:
            replicas = min(MOST_REPLICAS, len((await client.describe_cluster())["brokers"]))
            answer = await client.create_topics([NewTopic(name, PARTITIONS, replicas) for name in missing])
            for _, code, *_ in answer.topic_errors:
                _raise_for(code)
        # The first question for a group makes the broker create its offsets topic: before the consumers need it.
        await client.find_coordinator("research-kb")
        return missing
    finally:
        await client.close()


def _raise_for(code: int) -> None:
    error = for_code(code)
    if code and error is not TopicAlreadyExistsError:
        raise error()


def main() -> None:
    """Make the topics at KAFKA_BOOTSTRAP."""
    # Every attempt before the broker is up would be an error line of the client's.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        made = asyncio.run(make_topics(os.environ["KAFKA_BOOTSTRAP"]))
    except (TimeoutError, KafkaError) as error:
        sys.exit(f"The topics could not be made: {error}")
    print("topics made:", ", ".join(made) if made else "none, all there")


if __name__ == "__main__":
    main()
