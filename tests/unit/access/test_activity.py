"""Notes reach the database though it is away for a while: once each."""

import asyncio
import json
import uuid
from typing import Any

import asyncpg
import pytest

from shared import activity
from shared.activity import Activity
from shared.door import Door
from shared.problems import DependencyUnavailable
from shared.refusals import missing_key, refusal
from shared.settings import Settings

KEY = uuid.UUID(int=7)


class BrokenDoor(Door):
    """A door that keeps what it is asked; its first `failures` statements get no answer."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        super().__init__(Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
        self.failures, self.taken = failures, list[tuple[Any, ...]]()
        self.error = error or DependencyUnavailable("Postgres", "away")

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """Keep the arguments, or fail."""
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise self.error
        self.taken.append(arguments)


async def until_taken(door: BrokenDoor, count: int) -> None:
    """Wait until the door has taken `count` statements."""
    async with asyncio.timeout(30):
        while len(door.taken) < count:  # noqa: ASYNC110 -- the door tells nobody
            await asyncio.sleep(0.01)


async def test_the_first_request_of_a_process_is_cold() -> None:
    """One note says so, and no other."""
    door = BrokenDoor()
    noting = Activity("stats", door)
    for _ in range(2):
        await noting.end_request(KEY, 1, "GET", 200, 0.25, None)
    notes = [json.loads(arguments[2]) for arguments in door.taken]
    assert notes[0] == {"function": "stats", "method": "GET", "status": 200, "seconds": 0.25, "cold": True}
    assert "cold" not in notes[1]


async def test_a_note_without_an_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer goes out at once; the repetition says that it is one, so that the lease decides."""
    monkeypatch.setattr(activity, "AGAIN_AFTER_S", (0.01, 0.01, 0.01))
    door = BrokenDoor(failures=2)
    await Activity("stats", door).end_request(KEY, 5, "GET", 200, 0.25, None)
    assert not door.taken
    await until_taken(door, 1)
    [(key, lease, _, again)] = door.taken
    assert (key, lease, again) == (KEY, 5, True)


async def test_refusals_are_noted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood is one row a reason and tier; what the database does not take is kept for the next time."""
    monkeypatch.setattr(activity, "REFUSALS_EVERY_S", 0.05)
    door = BrokenDoor(failures=1)
    noting = Activity("search", door)
    for _ in range(3):
        noting.refuse(missing_key())
    noting.refuse(refusal("unknown", (), None))
    noting.refuse(DependencyUnavailable("Postgres", "away"))
    await until_taken(door, 1)
    await noting.close()
    [(kind, notes)] = door.taken
    assert kind == "refusals"
    assert [json.loads(note) for note in notes] == [
        {"reason": "missing", "tier": "none", "count": 3},
        {"reason": "unknown", "tier": "none", "count": 1},
    ]


async def test_a_process_about_to_stand_still_notes_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settling does not wait; what comes within a second of a row is kept for the next, and a flood is no row each."""
    monkeypatch.setattr(activity, "REFUSALS_EVERY_S", 0.3)
    door = BrokenDoor()
    noting = Activity("search", door)
    for refused in (1, 5):
        for _ in range(refused):
            noting.refuse(missing_key())
            await noting.settle()
        assert len(door.taken) == 1
    await asyncio.sleep(0.35)
    await noting.settle()
    assert [json.loads(notes[0])["count"] for _, notes in door.taken] == [1, 5]


async def test_settling_keeps_what_the_database_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is answered all the same; a later one has it noted."""
    monkeypatch.setattr(activity, "REFUSALS_EVERY_S", 0.05)
    door = BrokenDoor(failures=1)
    noting = Activity("search", door)
    noting.refuse(missing_key())
    await noting.settle()
    assert not door.taken
    await asyncio.sleep(0.1)
    await noting.settle()
    assert len(door.taken) == 1


async def test_closing_notes_what_is_left() -> None:
    """A process that scales to zero has told of its refusals."""
    door = BrokenDoor()
    noting = Activity("search", door)
    noting.refuse(missing_key())
    await noting.close()
    assert len(door.taken) == 1


@pytest.mark.parametrize(
    "error", [asyncpg.DiskFullError("no space"), asyncpg.QueryCanceledError("timeout"), RuntimeError("a fault")]
)
async def test_no_error_stops_the_counting(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the statement raises, refusals before and after it are noted once the database takes them."""
    monkeypatch.setattr(activity, "REFUSALS_EVERY_S", 0.02)
    door = BrokenDoor(failures=2, error=error)
    noting = Activity("search", door)
    noting.refuse(missing_key())
    await asyncio.sleep(0.03)
    noting.refuse(missing_key())
    await until_taken(door, 1)
    await noting.close()
    assert sum(json.loads(note)["count"] for _, notes in door.taken for note in notes) == 2


async def test_closing_ends_though_nothing_can_be_noted() -> None:
    """What is lost is logged; the process ends all the same."""
    noting = Activity("search", BrokenDoor(failures=9, error=RuntimeError("a fault")))
    noting.refuse(missing_key())
    async with asyncio.timeout(30):
        await noting.close()


async def test_a_cancelled_noting_is_begun_again() -> None:
    """The next refusal starts it."""
    door = BrokenDoor()
    noting = Activity("search", door)
    noting.refuse(missing_key())
    [task] = noting._under_way
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    noting.refuse(missing_key())
    await noting.close()
    assert [json.loads(note)["count"] for _, notes in door.taken for note in notes] == [2]
