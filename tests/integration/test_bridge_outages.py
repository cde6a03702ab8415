"""Kills, outages and a second bridge: nothing is lost, each key stays in order, no attempt is wasted."""

import asyncio
import signal
import time

import pytest
from aiohttp import web

from events.cloudevents import CloudEvent
from tests.integration.bridge_events import by_key, letters_of, make_events, publish
from tests.integration.bridge_rig import Rig, after, until

pytestmark = pytest.mark.stack


async def test_a_killed_bridge_loses_nothing(rig: Rig) -> None:
    """SIGKILL in the middle: after the restart every event has arrived, each key's still in order."""
    events = make_events(300, keys=30)
    rig.receiver.answer = after(0.02)
    bridge = await rig.start_bridge()
    ids = await publish(rig, events)
    await until(lambda: len(rig.receiver.done) > 60)
    await bridge.end(signal.SIGKILL)
    await rig.start_bridge()
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())


async def test_a_killed_broker_loses_nothing(rig: Rig) -> None:
    """SIGKILL of Kafka in the middle: publishing and delivery go on by themselves once it is back."""
    events = make_events(400, keys=40)
    rig.receiver.answer = after(0.02)
    await rig.start_bridge()
    ids = await publish(rig, events[:200])
    await until(lambda: len(rig.receiver.done) > 60)
    rig.broker.end(signal.SIGKILL)
    ids |= await publish(rig, events[200:])
    await asyncio.sleep(1)
    rig.broker.start()
    await until(lambda: ids <= set(rig.receiver.done), 90)
    assert all(sorted(order) == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())
    assert not await letters_of(rig, ids)


async def test_a_receiver_that_is_away_costs_no_event_its_attempts(rig: Rig) -> None:
    """While nobody listens, and while everything is answered 503, events wait; afterwards all arrive, none is dead."""
    events = make_events(60, keys=20)
    await rig.receiver.stop()
    try:
        await rig.start_bridge(BRIDGE_MAX_ATTEMPTS="2")
        ids = await publish(rig, events)
        await asyncio.sleep(4)
    finally:
        await rig.receiver.start()
    unavailable_until = time.monotonic() + 4

    async def unavailable(_: CloudEvent) -> web.Response | None:
        return web.Response(status=503) if time.monotonic() < unavailable_until else None

    rig.receiver.answer = unavailable
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(3)) for order in by_key(rig.receiver.arrived, ids).values())
    assert not await letters_of(rig, ids)


async def test_two_bridges_share_the_work_and_survive_each_other(rig: Rig) -> None:
    """With a second bridge joining and the first leaving mid-way every event arrives, each key's in order."""
    events = make_events(400, keys=40)
    rig.receiver.answer = after(0.03)
    first = await rig.start_bridge()
    ids = await publish(rig, events[:200])
    await until(lambda: len(rig.receiver.done) > 20)
    await rig.start_bridge()
    await asyncio.sleep(2)
    ids |= await publish(rig, events[200:])
    await until(lambda: len(set(rig.receiver.done) & ids) > 220)
    assert await first.end() == 0
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())


async def test_sigterm_finishes_what_is_in_flight_and_commits(rig: Rig) -> None:
    """After SIGTERM requests in flight are finished and committed: the next bridge delivers no event twice."""
    events = make_events(100, keys=100)
    rig.receiver.answer = after(0.3)
    bridge = await rig.start_bridge()
    ids = await publish(rig, events)
    await until(lambda: len(rig.receiver.done) > 20)
    assert await bridge.end() == 0
    assert rig.receiver.at_once == 0
    started = len([event for event in rig.receiver.arrived if event.id in ids])
    assert len(rig.receiver.done) == started
    await rig.start_bridge()
    await until(lambda: ids <= set(rig.receiver.done))
    # Finished records behind an unfinished one of their partition may come again; they are few, not all.
    assert len(rig.receiver.arrived) - len(ids) < started
