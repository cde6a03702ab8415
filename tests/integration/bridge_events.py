"""Events for the tests of the bridge, and what became of them."""

import uuid
from collections import defaultdict
from collections.abc import Sequence

from events.cloudevents import CloudEvent
from events.dead_letters import DeadLetter, list_letters
from events.outbox import enqueue
from tests.integration.bridge_rig import Rig


def make_events(count: int, keys: int = 1) -> list[CloudEvent]:
    """Return document.submitted events, round robin over as many source ids; `subject` is the number within the key."""
    sources = [str(uuid.uuid4()) for _ in range(keys)]
    return [
        CloudEvent.new(
            source="/tests",
            type="document.submitted",
            data={"document_id": str(uuid.uuid4()), "source_id": sources[n % keys]},
            partitionkey=sources[n % keys],
            subject=str(n // keys),
        )
        for n in range(count)
    ]


async def publish(rig: Rig, events: Sequence[CloudEvent]) -> set[str]:
    """Publish through the outbox, some per transaction; return the ids."""
    async with rig.database.acquire() as connection:
        for start in range(0, len(events), 20):
            async with connection.transaction():
                await enqueue(connection, events[start : start + 20])
    return {event.id for event in events}


async def letters_of(rig: Rig, ids: set[str]) -> list[DeadLetter]:
    """Return the dead letters of these events, replayed or not."""
    async with rig.database.acquire() as connection:
        found = await list_letters(connection, limit=200, replayed=True)
    return [letter for letter in found if letter.event["id"] in ids]


def by_key(events: Sequence[CloudEvent], ids: set[str]) -> dict[str, list[int]]:
    """Return the order in which each key's events arrived for the first time."""
    order: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for event in events:
        if event.id in ids and event.id not in seen:
            seen.add(event.id)
            order[str(event.partitionkey)].append(int(str(event.subject)))
    return order
