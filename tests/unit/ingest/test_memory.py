"""Room for uploads: bounded, in turn, given back."""

import asyncio

import pytest

from functions.ingest.memory import SMALL_BYTES, UploadRoom
from shared.problems import Problem

LARGE = 4 * SMALL_BYTES


async def held(room: UploadRoom, size: int, log: list[str], name: str, until: asyncio.Event) -> None:
    """Hold room and say so."""
    async with room.hold(size):
        log.append(name)
        await until.wait()


async def test_who_does_not_fit_waits_in_turn() -> None:
    """A third upload waits; one behind it does not overtake; a small body needs no room."""
    room, log, done = UploadRoom(2 * LARGE, 30), list[str](), [asyncio.Event() for _ in range(5)]
    sizes = [LARGE, LARGE, 2 * LARGE, LARGE, SMALL_BYTES]
    async with asyncio.TaskGroup() as group:
        for number, size in enumerate(sizes):
            group.create_task(held(room, size, log, str(number), done[number]))
        await asyncio.sleep(0.01)
        assert log == ["0", "1", "4"]
        done[0].set()
        await asyncio.sleep(0.01)
        assert log == ["0", "1", "4"]
        done[1].set()
        await asyncio.sleep(0.01)
        assert log == ["0", "1", "4", "2"]
        for each in done:
            each.set()
    assert log == ["0", "1", "4", "2", "3"]


async def test_patience_ends_with_a_problem_and_leaves_the_room_as_it_was() -> None:
    """Who has waited too long is answered 503 with Retry-After; a failure inside gives its room back."""
    room, until = UploadRoom(LARGE, 0.01), asyncio.Event()
    first = asyncio.create_task(held(room, LARGE, [], "first", until))
    await asyncio.sleep(0)
    with pytest.raises(Problem) as raised:
        async with room.hold(LARGE):
            pass
    assert raised.value.status == 503
    assert raised.value.headers["Retry-After"]
    until.set()
    await first
    with pytest.raises(ValueError, match="broken"):
        async with room.hold(LARGE):
            raise ValueError("broken")
    async with room.hold(10 * LARGE):  # more than all: it has the room alone
        pass
