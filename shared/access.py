"""Who may call: API keys and tokens, scopes and limits, decided by one SQL statement a request.

A route says what it needs by taking its caller:

    install_admission(app)                       # once, before the first route

    @app.get("/stats")
    async def stats(caller: Annotated[Caller, require("read")]) -> Stats: ...

The check runs before the body is read. A function whose database is away answers 503 and lets nobody in.
"""

import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from shared.activity import Activity
from shared.answers import Answer
from shared.api_keys import ApiKey, parse_key
from shared.door import Door
from shared.openapi import document_admission, install_schema
from shared.problems import Problem
from shared.refusals import missing_key, refusal
from shared.resources import Resources

LEASE_S = 120
"""Longer than any answer takes, short enough that a pod that died blocks its callers for two minutes at most."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The key behind a request, or the subject of its token."""

    key_id: uuid.UUID  # the key's, or the subject's: budgets count under it
    tier: str
    scopes: frozenset[str]
    collections: list[str] | None  # None: every collection

    def may(self, scope: str) -> bool:
        """Tell whether the key holds `scope`; none implies another."""
        return scope in self.scopes

    def may_see(self, collection: str) -> bool:
        """Tell whether the key may know of `collection`."""
        return self.collections is None or collection in self.collections


@dataclass(frozen=True, slots=True)
class Admission:
    """One admitted request: its caller, what is left of the hour, and the lease to give back."""

    caller: Caller
    lease: int
    headers: list[tuple[bytes, bytes]]


class Requirement:
    """The dependency that a route declares with `require`; any one of `scopes` suffices, none asks for a key alone."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request) -> Caller:
        """Return the caller whom AdmittingRoute has let in."""
        caller = request.scope.get("state", {}).get("caller")
        if not isinstance(caller, Caller):
            raise RuntimeError("the route was made without install_admission(app) or route_class=AdmittingRoute")
        return caller


def require(*scopes: str) -> Any:
    """Return the marker for `Annotated[Caller, require("search")]`; of several scopes the key needs one."""
    return Depends(Requirement(scopes))


class AdmittingRoute(APIRoute):
    """A route that checks the key before anything else, and gives the lease back with the answer's last byte."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.requirement = _find_requirement(self)
        if self.requirement is not None:
            document_admission(self, self.requirement.scopes)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of this route."""
        if self.methods and scope["method"] not in self.methods:
            raise HTTPException(405, headers={"Allow": ", ".join(_allowed_methods(scope))})
        if self.requirement is None:
            await super().handle(scope, receive, send)
            return
        door: Door = scope["app"].state.door
        activity: Activity = scope["app"].state.activity
        started = time.perf_counter()
        try:
            admission = await admit(door, scope["headers"], self.requirement.scopes)
        except Problem as problem:
            activity.refuse(problem)
            raise
        state = scope.setdefault("state", {})
        state["caller"] = admission.caller
        state.setdefault("log", {})["key_id"] = str(admission.caller.key_id)

        async def release() -> None:
            seconds, status = time.perf_counter() - started, answer.status or 500
            key_id, lease, search = admission.caller.key_id, admission.lease, state.get("search")
            await activity.end_request(key_id, lease, scope["method"], status, seconds, search)

        answer = Answer(send, admission.headers, release)
        try:
            await super().handle(scope, receive, answer)
        finally:
            await answer.end()


def install_admission(app: FastAPI) -> None:
    """Let the routes made from now on with `@app.get` and the like use `require`; complete the OpenAPI document."""
    app.router.route_class = AdmittingRoute
    app.state.door = Door(app.state.settings)
    app.state.activity = Activity(app.state.name, app.state.door, _gathering(app.state.resources))
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: FastAPI) -> AsyncIterator[Any]:
        async with opened(running) as state:
            yield state
            await app.state.activity.close()
            await app.state.door.close()

    app.router.lifespan_context = lifespan
    install_schema(app)


def _gathering(held: Resources) -> Callable[[], None] | None:
    """Return what has notes gathered, in a function that publishes them itself."""
    if not held.settings.publishes:
        return None
    from events.gatherer import Gatherer, takes_activity

    return Gatherer(held).soon if takes_activity(held) else None


def _find_requirement(route: APIRoute) -> Requirement | None:
    found = [sub.call for sub in route.dependant.dependencies if isinstance(sub.call, Requirement)]
    return found[0] if found else None


def _allowed_methods(scope: Scope) -> list[str]:
    """Return the methods of every route with the path of `scope`: the one that was tried knows its own alone."""
    routes = [route for route in scope["app"].router.routes if isinstance(route, APIRoute)]
    return sorted(
        {method for route in routes if route.matches(scope)[0] != Match.NONE for method in route.methods or ()}
    )


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> ApiKey | str:
    """Return the key in `Authorization: Bearer` or `X-API-Key`, or the text of a token; a Problem 401 without either.

    What has three parts between dots is a token: no key has dots.
    """
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                continue
            text = token.strip()
            if text.count(".") == 2:
                return text
        elif name == b"x-api-key":
            text = value.decode("latin-1").strip()
        else:
            continue
        key = parse_key(text)
        if key is None:
            raise refusal("malformed", ())
        return key
    raise missing_key()


async def admit(door: Door, headers: Iterable[tuple[bytes, bytes]], scopes: tuple[str, ...]) -> Admission:
    """Let a request in, or raise the Problem that says why not: 401, 403, 429, or 503 without a database."""
    from shared.database import load_sql

    presented = presented_key(headers)
    if isinstance(presented, ApiKey):
        holder_id, what = presented.id, "key"
        row = await door.fetchrow(load_sql(__file__, "admit"), holder_id, presented.secret_sha256, scopes, LEASE_S)
    else:
        holder = await (await door.tokens()).holder(presented)
        holder_id, what = holder.id, "token"
        row = await door.fetchrow(load_sql(__file__, "admit_token"), *holder.row(), scopes, LEASE_S)
    budget = budget_headers(row)
    if row["outcome"] != "admitted":
        raise refusal(row["outcome"], scopes, row, budget, what)
    caller = Caller(holder_id, row["key_tier"], frozenset(row["key_scopes"]), row["key_collections"])
    return Admission(caller, row["lease"], [(n.lower().encode(), v.encode()) for n, v in budget.items()])


def budget_headers(row: Any) -> dict[str, str]:
    """Return `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) of a known key; else nothing."""
    if row["remaining"] is None:
        return {}
    return {
        "RateLimit": f'"hour";r={row["remaining"]};t={row["reset_s"]}',
        "RateLimit-Policy": f'"hour";q={row["hourly_limit"]};w=3600',
    }
