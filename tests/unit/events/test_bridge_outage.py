"""A receiver that is away, told from an event that fails."""

import asyncio

from events.bridge.outage import Outage


def test_one_failing_key_is_no_outage_and_three_are() -> None:
    """The same key may fail for ever; three different ones in a row mean the receiver, until one succeeds."""
    receiver = Outage()
    assert not any(receiver.failed("a", unreached=False) for _ in range(20))
    assert not receiver.failed("b", unreached=False)
    assert receiver.failed("c", unreached=False)
    receiver.succeeded()
    assert not receiver.is_on
    assert not receiver.failed("a", unreached=False)


def test_nobody_listening_is_an_outage_at_once() -> None:
    """A refused connection never reached a handler: no event is to blame."""
    assert Outage().failed("a", unreached=True)


async def test_one_probe_at_a_time_and_everyone_after_success() -> None:
    """While the receiver is away one delivery at a time goes through; when it is back all go at once."""
    receiver = Outage(probe_interval_s=(0.0, 0.0))
    receiver.failed("a", unreached=True)
    inside, most, gate = 0, 0, asyncio.Event()

    async def deliver() -> None:
        nonlocal inside, most
        async with receiver.turn():
            inside += 1
            most = max(most, inside)
            await gate.wait()
            inside -= 1

    tasks = [asyncio.create_task(deliver()) for _ in range(5)]
    await asyncio.sleep(0.02)
    assert (inside, most) == (1, 1)
    receiver.succeeded()
    gate.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 1)
