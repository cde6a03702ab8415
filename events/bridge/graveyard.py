"""Publishing dead letters: the record as it was, with where it came from, why it was given up, after how many tries."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from events.bridge.kafka import RETRY_S
from events.cloudevents import CloudEvent, MalformedEvent
from events.dead_letters import ATTEMPTS, REASON, TOPIC
from events.malformed import wrap_malformed
from events.topics import DEAD_LETTERS_TOPIC
from shared.logs import get_log

MAX_REASON_CHARACTERS = 1000
"""In a header, where a percent-encoded character may take twelve bytes, below the 4096 bytes of an attribute."""

log = get_log("bridge")


class Graveyard:
    """Publishes to the dead letter topic and does not return before Kafka has the record."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def bury(self, record: Any, reason: str, attempts: int, *, malformed: bool = False) -> None:
        """Publish `record` (an aiokafka ConsumerRecord) as a dead letter; tried until it works."""
        value = record.value or b""
        headers = list(record.headers)
        if malformed:
            headers, value = wrap_record(headers, value, reason, record.key)
        marks = _marks(record.topic, reason, attempts)
        while True:
            try:
                await self._producer.send_and_wait(
                    DEAD_LETTERS_TOPIC, value, key=record.key, headers=_marked(headers, marks)
                )
                return
            except MessageSizeTooLargeError:
                # The topic was made elsewhere, with a lower limit: keep what fits, and say so.
                headers, value = wrap_record(headers, value, f"too large for {DEAD_LETTERS_TOPIC}", record.key)
            except KafkaError as exc:
                log.warning("dead_letter_delayed", topic=record.topic, error=repr(exc))
                await asyncio.sleep(RETRY_S)


def wrap_record(
    headers: Iterable[tuple[str, bytes]], value: bytes, error: str, key: bytes | None
) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return headers and value of an event of type record.malformed that holds the record."""
    wrapped = wrap_malformed(headers, value, error, _readable(key))
    new_headers, new_value, _ = wrapped.to_kafka()
    return new_headers, new_value


def _readable(key: bytes | None) -> str | None:
    if not key:
        return None
    try:
        # The rules for an attribute apply to a key that becomes one.
        return CloudEvent.from_kafka(
            [("ce_specversion", b"1.0"), ("ce_id", key), ("ce_source", b"-"), ("ce_type", b"-")], b""
        ).id
    except MalformedEvent:
        return None


def _marks(topic: str, reason: str, attempts: int) -> dict[str, bytes]:
    text = "".join(char if char.isprintable() else " " for char in reason)[:MAX_REASON_CHARACTERS]
    return {f"ce_{REASON}": text.encode(), f"ce_{ATTEMPTS}": str(attempts).encode(), f"ce_{TOPIC}": topic.encode()}


def _marked(headers: Iterable[tuple[str, bytes]], marks: dict[str, bytes]) -> list[tuple[str, bytes]]:
    return [*((name, value) for name, value in headers if name not in marks), *marks.items()]
