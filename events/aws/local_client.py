"""One request to an ASGI app of this process: an event on Lambda takes the way that it takes everywhere else."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """The answer's status and body."""

    status: int
    body: bytes

    @property
    def reason(self) -> str:
        """What a problem document says, else the status."""
        try:
            problem = json.loads(self.body)
        except ValueError:
            problem = None
        said = [str(problem[name]) for name in ("title", "detail") if problem.get(name)] if problem else []
        return f"HTTP {self.status}: {': '.join(said)}" if said else f"HTTP {self.status}"


async def post(app: ASGIApp, path: str, headers: dict[str, str], body: bytes) -> LocalAnswer:
    """POST to `app` and return its answer."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
        "client": None,
        "server": ("lambda", 80),
    }
    status, parts = 500, []
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return LocalAnswer(status, b"".join(parts))
