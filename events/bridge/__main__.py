"""python -m events.bridge: relay, every subscription and ingress in one process, until SIGTERM or SIGINT."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

import uvloop
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from events.bridge.clock import tick
from events.bridge.consumer import Consumer
from events.bridge.delivery import Delivery
from events.bridge.graveyard import Graveyard
from events.bridge.ingress import Ingress
from events.bridge.kafka import RETRY_S, ensure_topics, open_producer
from events.bridge.library_logs import route_library_logs
from events.bridge.relay import Relay
from events.bridge.server import serve
from events.bridge.settings import BridgeSettings
from events.bridge.sink import Sink
from events.bridge.subscriptions import SUBSCRIPTIONS, address
from shared import telemetry
from shared.logs import configure_logs, get_log
from shared.secret_files import SecretFileError

CLOSING_S = 6.0
"""After requests in flight: one commit and the goodbyes to Kafka and Postgres."""

log = get_log("bridge")


async def run_bridge(settings: BridgeSettings, stop: asyncio.Event) -> None:
    """Bridge until `stop` is set; then let requests in flight finish, commit and return."""
    async with AsyncExitStack() as stack:
        ingress = Ingress() if settings.bridge_ingress else None
        await stack.enter_async_context(serve(settings.bridge_listen, settings.bridge_port, ingress))
        startup = asyncio.create_task(_prepare(settings))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({startup, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not startup.done():
            startup.cancel()
            return
        stopped.cancel()
        producer = startup.result()
        stack.push_async_callback(producer.stop)
        graveyard = Graveyard(producer)
        if ingress is not None:
            ingress.open(producer)
        subscriptions = SUBSCRIPTIONS if settings.bridge_delivery else ()
        log.info(
            "bridge_started",
            subscriptions=[item.name for item in subscriptions],
            relay=settings.bridge_relay,
            ingress=settings.bridge_ingress,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stop.wait())
            if settings.bridge_relay:
                tasks.create_task(Relay(settings, stop).run())
            tasks.create_task(tick(settings, stop))
            for item in subscriptions:
                url = settings.bridge_sinks.get(item.name) or address(settings.internal_url, item.path)
                sink = Sink(url, settings.bridge_delivery_timeout_s, settings.bridge_concurrency)
                await stack.enter_async_context(sink)
                delivery = Delivery(item, settings, sink, graveyard)
                tasks.create_task(Consumer(item, settings, delivery.process, stop).run())
    log.info("bridge_stopped")


async def _prepare(settings: BridgeSettings):  # type: ignore[no-untyped-def]  # aiokafka ships no types
    if settings.bridge_create_topics:
        await ensure_topics(settings)
    while True:
        try:
            return await open_producer(settings)
        except (KafkaError, OSError) as exc:
            log.warning("kafka_unavailable", error=repr(exc))
            await asyncio.sleep(RETRY_S)


async def _main(settings: BridgeSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bridge = asyncio.create_task(run_bridge(settings, stop))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({bridge, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        await asyncio.wait({bridge}, timeout=settings.bridge_shutdown_grace_s + CLOSING_S)
    if bridge.done():
        bridge.result()
        return 0
    # Clients that flush to a broker that is away. What was not committed is delivered again.
    log.warning("bridge_stopped_hard")
    bridge.cancel()
    await asyncio.wait({bridge}, timeout=1)
    return 1


def main() -> int:
    """Run the bridge from the environment; return the exit status."""
    try:
        settings = BridgeSettings()
    except ValidationError as exc:
        missing = "; ".join(f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in exc.errors())
        print(f"The bridge cannot start. {missing}", file=sys.stderr)
        return 2
    except SecretFileError as exc:
        print(f"The bridge cannot start. {exc}", file=sys.stderr)
        return 2
    configure_logs(settings.log_level)
    route_library_logs()
    telemetry.install(settings)
    try:
        return uvloop.run(_main(settings))
    finally:
        telemetry.finish_now()


if __name__ == "__main__":
    sys.exit(main())
