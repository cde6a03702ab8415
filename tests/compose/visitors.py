"""Those who use the deployment while it is disturbed: one searches, one submits; both try again and keep count."""

import asyncio
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.compose.project import GIVE_UP_S, ProdTestFailed, Project

COLLECTION = "disturbed"
# What says "not now": the proxy found nobody, the function has not got what it needs.
TRY_AGAIN = {502, 503, 504}
SEARCH_PAUSE_S = 0.5
SUBMIT_PAUSE_S = 1.0
RETRY_PAUSE_S = 0.5
TIMEOUT_S = 60.0


@dataclass
class Visitors:
    """The two of them; `accepted` maps a document's external id to its id."""

    project: Project
    accepted: dict[str, str] = field(default_factory=dict)
    searches: int = 0
    degraded: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    submitting: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def client(self) -> httpx.AsyncClient:
        """Return a client that trusts the project's certificate and shows its key."""
        context = ssl.create_default_context(cafile=str(self.project.certificate))
        headers = {"Authorization": f"Bearer {self.project.key}"}
        return httpx.AsyncClient(base_url=self.project.url, verify=context, headers=headers, timeout=TIMEOUT_S)

    async def ask(self, client: httpx.AsyncClient, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request until it is answered, counting why it was sent again. Raises ProdTestFailed."""
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            try:
                response = await client.request(method, path, **content)
            except httpx.TransportError as exc:
                reason = type(exc).__name__
            else:
                if response.status_code not in TRY_AGAIN:
                    return response
                reason = str(response.status_code)
                if not response.headers["content-type"].startswith("application/problem+json"):
                    raise ProdTestFailed(f"{method} {path}: {reason} and no problem document: {response.text[:200]}")
            self.retries[f"{method} /{path.split('/')[1].partition('?')[0]}: {reason}"] += 1
            if time.monotonic() > deadline:
                raise ProdTestFailed(f"{method} {path}: still {reason} after {GIVE_UP_S:.0f} s")
            await asyncio.sleep(RETRY_PAUSE_S)

    async def search(self) -> None:
        """Search until stopped. Raises ProdTestFailed for an answer that is none."""
        async with self.client() as client:
            while not self.stop.is_set():
                body = {"query": f"instrumental variables and cause number {self.searches}", "limit": 3}
                response = await self.ask(client, "POST", "/search", json=body)
                if response.status_code != 200 or not response.json()["hits"]:
                    raise ProdTestFailed(f"a search was answered {response.status_code}: {response.text[:300]}")
                self.searches += 1
                self.degraded += bool(response.json()["degraded"])
                await asyncio.sleep(SEARCH_PAUSE_S)

    async def submit(self) -> None:
        """Submit a new document again and again until stopped, while `submitting` is set."""
        async with self.client() as client:
            while not self.stop.is_set():
                if self.submitting.is_set():
                    name = f"document-{len(self.accepted)}"
                    response = await self.ask(client, "POST", "/documents", json=make_document(name))
                    # 200: an attempt whose answer was lost had been accepted.
                    if response.status_code not in {200, 202}:
                        raise ProdTestFailed(f"{name} was refused: {response.status_code} {response.text[:300]}")
                    self.accepted[name] = response.json()["id"]
                await asyncio.sleep(SUBMIT_PAUSE_S)

    async def wait_until_indexed(self) -> float:
        """Wait until every accepted document is searchable; return the seconds. Raises ProdTestFailed."""
        started = time.monotonic()
        async with self.client() as client:
            waiting = dict(self.accepted)
            while waiting:
                for name, identity in list(waiting.items()):
                    status = (await self.ask(client, "GET", f"/documents/{identity}")).json()
                    if status["state"] == "indexed":
                        del waiting[name]
                    elif status["state"] not in {"queued", "extracting", "embedding"}:
                        raise ProdTestFailed(f"{name} is {status['state']}: {status['problem']}")
                if time.monotonic() - started > GIVE_UP_S:
                    raise ProdTestFailed(f"{len(waiting)} documents are not searchable after {GIVE_UP_S:.0f} s")
                await asyncio.sleep(RETRY_PAUSE_S)
        return time.monotonic() - started

    async def find_each(self) -> None:
        """Find every accepted document by words of its own, once, and no other. Raises ProdTestFailed."""
        async with self.client() as client:
            for name in self.accepted:
                body = {"query": make_word(name), "collection": COLLECTION, "legs": ["lexical"], "limit": 5}
                hits = (await self.ask(client, "POST", "/search", json=body)).json()["hits"]
                if [hit["source"]["external_id"] for hit in hits] != [name]:
                    raise ProdTestFailed(f"{name} was found {len(hits)} times")
            stats = (await self.ask(client, "GET", f"/stats?collection={COLLECTION}")).json()
            if stats["sources"] != len(self.accepted):
                raise ProdTestFailed(f"{len(self.accepted)} documents made {stats['sources']} sources")


def make_word(name: str) -> str:
    """Return a word that no other document has; letters, as the lexical leg takes numbers apart."""
    return "quasi" + "".join("bcdfghjkmn"[int(digit)] for digit in name.split("-")[1]) + "ix"


def make_document(name: str) -> dict[str, str]:
    """Return a document of two paragraphs about its own word."""
    word = make_word(name)
    text = f"The {word} estimator was proposed for panels with few units.\n\nIts variance shrinks as periods are added."
    return {"external_id": name, "collection": COLLECTION, "title": f"On the estimator of {name}", "text": text}
