"""GET /live and GET /metrics of the bridge, and its ingress where that is on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

MOST_BYTES = 2 * 2**20
"""Of a request's body: above every event's limit, so that a too large one gets the parser's message."""


async def _live(_: web.Request) -> web.Response:
    return web.json_response({"status": "live"})


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


class Routes(Protocol):
    """Something with routes of its own."""

    def routes(self) -> list[web.RouteDef]:
        """Return them."""


@asynccontextmanager
async def serve(host: str, port: int, more: Routes | None) -> AsyncIterator[None]:
    """Serve while entered, the routes of `more` too; port 0 serves nothing."""
    if not port:
        yield
        return
    app = web.Application(client_max_size=MOST_BYTES)
    app.add_routes([web.get("/live", _live), web.get("/metrics", _metrics), *(more.routes() if more else [])])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
