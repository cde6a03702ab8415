"""The topics of a running stack are those of the contract."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from events.bridge.kafka import MAX_REQUEST_BYTES
from events.bridge.topics import RETENTION_MS, make_topics, topic_configs
from events.topics import DEAD_LETTERS_TOPIC, MAX_EVENT_BYTES, PARTITIONS, TOPICS
from tests.conftest import Stack

pytestmark = pytest.mark.stack


async def test_topics_are_as_the_contract_has_them(stack: Stack) -> None:
    """Every topic is there with its partitions and retention, and the dead letters' takes larger records."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    try:
        described = {each["topic"]: each for each in await admin.describe_topics(list(TOPICS))}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in TOPICS]
        answers = await admin.describe_configs(asked)
    finally:
        await admin.close()
    resources = [resource for answer in answers for resource in answer.resources]
    configs = {resource[3]: {entry[0]: entry[1] for entry in resource[4]} for resource in resources}
    for name in TOPICS:
        assert len(described[name]["partitions"]) == PARTITIONS
        assert int(configs[name]["retention.ms"]) >= RETENTION_MS
        assert configs[name].items() >= topic_configs(name).items()
    largest = {name: int(config["max.message.bytes"]) for name, config in configs.items()}
    others = [limit for name, limit in largest.items() if name != DEAD_LETTERS_TOPIC]
    assert min(others) > MAX_EVENT_BYTES
    assert largest[DEAD_LETTERS_TOPIC] > MAX_REQUEST_BYTES > max(others)


async def test_making_topics_again_makes_none(stack: Stack) -> None:
    """What is there is left alone."""
    options = {"bootstrap_servers": stack.kafka_bootstrap}
    assert await make_topics(options, pause_s=0.1, timeout_s=30, on_wait=lambda _: None) == []
