"""The server, over HTTP: one client for all commands. Safe to share between threads."""

import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from cli.configuration import api_key, is_loopback, server_url
from cli.errors import CommandFailed, ServerAway, ServerProblem
from cli.pauses import backoff_s, retry_after_s

# A person at a prompt waits this long for a busy server, no longer.
PROMPT_PATIENCE_S = 10.0
# The largest page that lists give.
PAGE_LIMIT = 200
_TRY_AGAIN = {429, 503}
# What a proxy says while nobody answers behind it; the request may have been carried out.
_LOST = {502}

Query = Mapping[str, str | int | bool | Sequence[str] | None]


def _problem(response: httpx.Response) -> ServerProblem:
    try:
        members = response.json()
    except ValueError:
        members = {}
    if not isinstance(members, dict):
        members = {}
    members.setdefault("status", response.status_code)
    if response.status_code == 401 and not members.get("action"):
        members["action"] = "Set RESEARCH_KB_API_KEY."
    return ServerProblem(response.status_code, members)


def _given(query: Query) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value not in (None, [], ())}


def _certificates() -> ssl.SSLContext | bool:
    """Return whom to trust: the authorities in SSL_CERT_FILE, a private one's for instance, else the usual ones."""
    file = os.environ.get("SSL_CERT_FILE")
    return ssl.create_default_context(cafile=file) if file else True


class Server:
    """A research-kb server.

    Refused requests (429, 503), and repeatable ones that a proxy lost (502), are sent again until `patience_s` is used
    up.

    Parameters
    ----------
    patience_s
        Seconds that one request may spend waiting in all before its refusal is reported.
    on_wait
        Told (seconds, reason) before each pause of a second or more.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        patience_s: float = PROMPT_PATIENCE_S,
        timeout_s: float = 60.0,
        connections: int = 16,
        on_wait: Callable[[float, str], None] | None = None,
    ) -> None:
        self.url = url or server_url()
        self.patience_s, self.on_wait = patience_s, on_wait
        self._answered = False
        key = key or api_key(self.url)
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout_s, connect=5.0),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # Loading the certificates takes a third of a command's start; plain HTTP has no use for them.
            verify=_certificates() if self.url.startswith("https:") else False,
            # A proxy of the environment can't reach this machine's loopback device.
            trust_env=not is_loopback(self.url),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(
        self, method: str, path: str, *, query: Query | None = None, repeatable: bool = True, **content: Any
    ) -> httpx.Response:
        """Return a successful response; `content` goes to httpx (json, content, data, files, headers).

        A request whose connection broke is sent again only when it is `repeatable` and the server had answered before.

        Raises
        ------
        ServerProblem
            The server answered 400 or more and waiting did not help.
        ServerAway
            Nothing answers.
        """
        give_up_at = time.monotonic() + self.patience_s
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.request(method, path, params=_given(query or {}), **content)
            except httpx.TransportError as exc:
                pause = backoff_s(attempt)
                if not (repeatable and self._answered) or time.monotonic() + pause > give_up_at:
                    raise self._away(exc) from exc
                self._wait(pause, f"no answer ({type(exc).__name__})")
                _rewind(content)
                continue
            self._answered = True
            if response.status_code < 400:
                return response
            asked = retry_after_s(response.headers.get("retry-after"))
            pause = backoff_s(attempt) if asked is None else max(asked, 0.05)
            again = _TRY_AGAIN | _LOST if repeatable else _TRY_AGAIN
            if response.status_code not in again or time.monotonic() + pause > give_up_at:
                raise _problem(response)
            self._wait(pause, str(_problem(response)))
            _rewind(content)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer of GET `path`."""
        return self._json(self.send("GET", path, query=query))

    def post(self, path: str, body: Any, *, repeatable: bool = True) -> Any:
        """Return the JSON answer of POST `path` with a JSON body."""
        return self._json(self.send("POST", path, json=body, repeatable=repeatable))

    def delete(self, path: str) -> None:
        """Delete what lies at `path`."""
        self.send("DELETE", path)

    def each(self, path: str, *, at_most: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page after page, at most `at_most` of them."""
        left = at_most
        cursor: str | None = None
        while left is None or left > 0:
            page = self.get(path, **query, limit=PAGE_LIMIT if left is None else min(left, PAGE_LIMIT), cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if cursor is None or not page["items"]:
                return
            left = None if left is None else left - len(page["items"])

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as exc:
            raise CommandFailed(
                "That is not a research-kb server",
                f"{response.url} answered {response.status_code} without JSON.",
                "Compare RESEARCH_KB_URL with the address of your server.",
            ) from exc

    def _wait(self, pause_s: float, reason: str) -> None:
        if self.on_wait and pause_s >= 1:
            self.on_wait(pause_s, reason)
        time.sleep(pause_s)

    def _away(self, exc: httpx.TransportError) -> ServerAway:
        late = isinstance(exc, httpx.TimeoutException) and not isinstance(exc, httpx.ConnectTimeout)
        where = "Start it with `research-kb up`" if is_loopback(self.url) else "Ask its operator"
        return ServerAway(
            f"The server at {self.url} {'takes too long to answer' if late else 'does not answer'}",
            str(exc) or type(exc).__name__,
            f"{where}, or point RESEARCH_KB_URL at another server.",
        )


def _rewind(content: dict[str, Any]) -> None:
    for part in (content.get("files") or {}).values():
        part[1].seek(0)
