"""Every function in one process, behind two listeners: `python -m local.gateway`.

PORT on LISTEN is public, INTERNAL_PORT on LISTEN has the event functions and the metrics. The functions share one
database pool, one inference client and one object store.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.types import ASGIApp

from local.dispatch import InternalDispatch, PublicDispatch
from local.settings import DEFAULT_LISTEN, DEFAULT_PORT
from shared.resources import Resources
from shared.settings import Settings

HTTP_FUNCTIONS = ("search", "sources", "stats", "health", "ingest", "keys")
EVENT_FUNCTIONS = ("extract", "embed", "refresh", "metrics")

# Longer than the idle time of the usual clients and proxies (60 s), so that it is they who close.
KEEP_ALIVE_S = 65
# What is under way may end; the supervisor kills after 15 s.
GRACE_S = 10
BACKLOG = 2048


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its process, which has two of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


def create_functions(resources: Resources) -> dict[str, FastAPI]:
    """The app of each function, all on the same resources."""
    return {
        name: importlib.import_module(f"functions.{name}.main").create_app(resources=resources)
        for name in (*HTTP_FUNCTIONS, *EVENT_FUNCTIONS)
    }


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def create_server(app: ASGIApp) -> Server:
    """A server of one listener; each request is logged by its function, and lifespans are entered by serve()."""
    return Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            backlog=BACKLOG,
        )
    )


async def serve(public: socket.socket, internal: socket.socket) -> None:
    """Serve on both sockets until SIGTERM or SIGINT; then close the functions and what they share."""
    resources = Resources(Settings())
    functions = create_functions(resources)
    async with AsyncExitStack() as lifespans:
        lifespans.push_async_callback(resources.close)
        for app in functions.values():
            await lifespans.enter_async_context(app.router.lifespan_context(app))
        # What is loaded now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        servers = [create_server(PublicDispatch(functions)), create_server(InternalDispatch(functions))]
        _stop_on_signals(servers)
        async with asyncio.TaskGroup() as group:
            for server, listener in zip(servers, (public, internal), strict=True):
                group.create_task(server.serve(sockets=[listener]))


def _stop_on_signals(servers: list[Server]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def main() -> None:
    """Serve where PORT, LISTEN and INTERNAL_PORT say."""
    host = os.environ.get("LISTEN") or DEFAULT_LISTEN
    public = listen_on(host, int(os.environ.get("PORT") or DEFAULT_PORT))
    internal = listen_on(host, int(os.environ["INTERNAL_PORT"]))
    uvloop.run(serve(public, internal))


if __name__ == "__main__":
    main()
