"""Records as Lambda's Kafka event source gives them, decoded."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SOURCES = frozenset({"aws:kafka", "SelfManagedKafka"})


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record. `group` is the event's own name for topic and partition, which failures must repeat."""

    group: str
    topic: str
    partition: int
    offset: int
    headers: list[tuple[str, bytes]]
    value: bytes
    key: bytes | None

    @property
    def identifier(self) -> dict[str, Any]:
        """The name by which a partial batch failure calls the record."""
        return {"itemIdentifier": {"partition": self.group, "offset": self.offset}}


def read_records(event: Mapping[str, Any]) -> Iterator[list[KafkaRecord]]:
    """Yield the records of each partition in their order."""
    for group, records in event["records"].items():
        yield sorted((_read(group, record) for record in records), key=lambda record: record.offset)


def _read(group: str, record: Mapping[str, Any]) -> KafkaRecord:
    # Java's bytes are signed.
    headers = [
        (name, bytes(number & 0xFF for number in value))
        for header in record.get("headers") or []
        for name, value in header.items()
    ]
    key = record.get("key")
    return KafkaRecord(
        group,
        record["topic"],
        int(record["partition"]),
        int(record["offset"]),
        headers,
        b64decode(record.get("value") or ""),
        b64decode(key) if key else None,
    )
