"""Refuse request bodies over a limit, by the declared length at once and by the counted length while they stream."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problems import MEDIA_TYPE, Problem


def too_large(limit_bytes: int) -> Problem:
    """Return the problem of a body over `limit_bytes`."""
    detail = f"The limit is {limit_bytes / 2**20:g} MiB."
    return Problem(413, "body-too-large", "The request body is too large", detail, "Split it or send less.")


class BodyLimit:
    """ASGI middleware: answer 413 for a body longer than `limit_bytes`."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self.app, self.limit_bytes = app, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.limit_bytes:
            await self._refuse(send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit_bytes:
                raise too_large(self.limit_bytes)
            return message

        await self.app(scope, counted, send)

    async def _refuse(self, send: Send) -> None:
        import orjson

        body = orjson.dumps(too_large(self.limit_bytes).body())
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),  # the rest of the body is not worth reading
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
