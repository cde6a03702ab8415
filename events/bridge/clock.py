"""The tick that a PingSource gives on Knative: every so often, refresh sweeps what is past its retention."""

import asyncio

import aiohttp

from events.bridge.settings import BridgeSettings
from events.bridge.subscriptions import address
from shared.logs import get_log

log = get_log("bridge")


async def tick(settings: BridgeSettings, stop: asyncio.Event) -> None:
    """POST to refresh's /sweep at every interval until `stop` is set; a missed sweep waits for the next."""
    if not settings.bridge_sweep_interval_s or not settings.internal_url:
        return
    url = address(settings.internal_url, "/refresh/sweep")
    timeout = aiohttp.ClientTimeout(total=settings.bridge_sweep_interval_s)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while not await _stopped(stop, settings.bridge_sweep_interval_s):
            try:
                async with session.post(url) as response:
                    if not response.ok:
                        log.warning("sweep_failed", status=response.status)
            except (aiohttp.ClientError, TimeoutError) as exc:
                log.warning("sweep_failed", error=repr(exc))


async def _stopped(stop: asyncio.Event, within_s: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), within_s)
    except TimeoutError:
        return False
    return True
