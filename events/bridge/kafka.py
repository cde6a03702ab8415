"""The Kafka clients of the bridge and the topics it needs."""

import ssl
from typing import Any

from aiokafka import AIOKafkaProducer

from events.bridge.settings import BridgeSettings
from events.bridge.topics import make_topics
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
    made = await make_topics(
        connection_options(settings),
        pause_s=RETRY_S,
        timeout_s=None,
        on_wait=lambda exc: log.warning("kafka_unavailable", error=repr(exc)),
    )
    if made:
        log.info("topics_created", topics=made)
