"""The Kafka clients of the bridge and the topics it needs."""

import asyncio
import ssl
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from events.bridge.settings import BridgeSettings
from events.topics import DEAD_LETTERS_TOPIC, PARTITIONS, TOPICS
from shared.logs import get_log

MAX_REQUEST_BYTES = 2 * 2**20
"""Twice Kafka's default: a dead letter is an event of the largest size plus the headers that say why."""
RETRY_S = 2.0
"""Between attempts to reach a broker that is away: as long as one takes to start, roughly."""

log = get_log("bridge")


def connection_options(settings: BridgeSettings) -> dict[str, Any]:
    """Return what every client needs to reach the brokers."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "client_id": "research-kb-bridge",
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context()
    if settings.kafka_security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password,
        }
    return options


async def open_producer(settings: BridgeSettings) -> AIOKafkaProducer:
    """Return a started idempotent producer that waits for every in-sync replica. Raises KafkaError."""
    producer = AIOKafkaProducer(
        **connection_options(settings),
        enable_idempotence=True,
        acks="all",
        linger_ms=2,
        max_batch_size=256 * 1024,
        max_request_size=MAX_REQUEST_BYTES,
        request_timeout_ms=20_000,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def ensure_topics(settings: BridgeSettings) -> None:
    """Create the topics that are missing; wait for the brokers as long as it takes."""
    while True:
        try:
            return await _create_missing(settings)
        except (KafkaError, OSError) as exc:
            log.warning("kafka_unavailable", error=repr(exc))
            await asyncio.sleep(RETRY_S)


async def _create_missing(settings: BridgeSettings) -> None:
    admin = AIOKafkaAdminClient(**connection_options(settings))
    try:
        await admin.start()
        missing = sorted(set(TOPICS) - set(await admin.list_topics()))
        if missing:
            response = await admin.create_topics([_new_topic(name) for name in missing])
            _check(response.topic_errors)
            log.info("topics_created", topics=missing)
    finally:
        await admin.close()


def _new_topic(name: str) -> NewTopic:
    limits = {"max.message.bytes": str(MAX_REQUEST_BYTES)} if name == DEAD_LETTERS_TOPIC else {}
    # -1: the broker's default replication; aiokafka takes it only beside an (empty) replica assignment.
    return NewTopic(name, PARTITIONS, -1, replica_assignments={}, topic_configs=limits)


def _check(errors: list[tuple[Any, ...]]) -> None:
    for topic, code, *message in errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{topic}: {message}")
