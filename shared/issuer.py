"""The keys that an OIDC issuer signs with: fetched, kept for a while, fetched again for a key id not seen before."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any
from urllib.parse import urlsplit

import orjson
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from shared.http_client import HttpClient
from shared.logs import get_log
from shared.problems import DependencyUnavailable
from shared.token_settings import KEY_KINDS, TokenSettings, check_address

DISCOVERY = "/.well-known/openid-configuration"
MOST_BYTES = 256 * 1024
"""Real key sets have 1 to 20 KiB."""

TIMEOUT_S = 5.0
"""Longer than any issuer that works takes; requests with tokens wait for it only when there is no usable key."""

PATIENCE_S = 1.0
"""An issuer that works takes less; the one request that has old keys fetched again waits this long, no other does."""

LEAST_RSA_BITS = 2048  # RFC 7518, section 3.3

log = get_log("issuer")


class UnknownKey(Exception):
    """The issuer has no key of that id for that algorithm."""


class Issuer:
    """The issuer's key set. `clock` returns seconds that only grow."""

    def __init__(self, settings: TokenSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._keys: list[dict[str, Any]] = []
        self._made: dict[tuple[str | None, str], PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find_key(self, kid: str | None, algorithm: str) -> PyJWK:
        """Return the key that verifies `algorithm`.

        Raises
        ------
        UnknownKey
            When the issuer, asked lately enough, has none.
        DependencyUnavailable
            When the issuer does not answer and no key fetched before may serve.
        """
        if not self._may_serve():
            await self._fetch_to_the_end()
            if not self._may_serve():
                raise self._away()
        elif self._age_s() > self._settings.token_jwks_lifetime_s:
            await self._fetch_beside()
        key = self._look_up(kid, algorithm)
        if key is None:
            await self._fetch_to_the_end()
            key = self._look_up(kid, algorithm)
        if key is not None:
            return key
        if self._tried_at != self._fetched_at:
            raise self._away()  # the key may be one that it has made since
        raise UnknownKey(f"the issuer has no key {kid!r:.80} for {algorithm}")

    def _age_s(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _may_serve(self) -> bool:
        """However long the issuer is away, a key that it may have withdrawn meanwhile ends here."""
        return self._age_s() <= self._settings.token_jwks_lifetime_s + self._settings.token_jwks_stale_s

    def _away(self) -> DependencyUnavailable:
        return DependencyUnavailable("The token issuer", "Its keys cannot be fetched; API keys are accepted meanwhile.")

    async def _fetch_to_the_end(self) -> None:
        """Wait for the fetch under way, begun here unless one was tried lately; whoever comes meanwhile waits too."""
        self._begin_to_fetch()
        if self._fetching is not None:
            await asyncio.wait({self._fetching})

    async def _fetch_beside(self) -> None:
        """Have old keys fetched again while they serve.

        Who begins it waits a little, so that a withdrawn key is refused from the first request on where the issuer
        works, and so that the fetch moves on where a process stands still between requests.
        """
        if self._begin_to_fetch() and self._fetching is not None:
            await asyncio.wait({self._fetching}, timeout=PATIENCE_S)

    def _begin_to_fetch(self) -> bool:
        """Fetch beside the requests, one at a time and at most once in token_jwks_refetch_s; tell whether it begins."""
        if self._fetching is not None and not self._fetching.done():
            return False
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < self._settings.token_jwks_refetch_s:
            return False
        self._tried_at = now
        self._fetching = asyncio.create_task(self._take_keys(now), context=Context())  # no part of any request's trace
        return True

    async def _take_keys(self, now: float) -> None:
        try:
            keys = await self._fetch()
        except Exception as exc:  # nobody awaits its result: what it raises is told here or nowhere
            self._log_failure(exc)
            return
        self._keys, self._made, self._fetched_at = keys, {}, now
        log.info("issuer_keys_fetched", keys=len(keys))

    def _log_failure(self, exc: Exception) -> None:
        age_s = self._age_s()
        log.warning(
            "issuer_keys_not_fetched",
            reason=str(exc) or type(exc).__name__,
            keys_kept=len(self._keys),
            age_s=None if age_s == float("inf") else round(age_s),
            exc_info=not isinstance(exc, OSError | ValueError),
        )

    async def _fetch(self) -> list[dict[str, Any]]:
        url = self._settings.token_jwks_url or await self._discover()
        listed = (await _get_json(url)).get("keys")
        keys = [key for key in listed if _is_usable(key)] if isinstance(listed, list) else []
        if not keys:
            raise ValueError(f"{url} lists no usable key")
        return keys

    async def _discover(self) -> str:
        issuer = self._settings.token_issuer
        document = await _get_json(issuer.rstrip("/") + DISCOVERY)
        if document.get("issuer") != issuer:
            raise ValueError(f"the discovery document below {issuer} is another issuer's")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not url:
            raise ValueError(f"the discovery document below {issuer} names no jwks_uri")
        check_address("jwks_uri", url)
        return url

    def _look_up(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """A token without a key id is verified where the issuer has a single key that fits."""
        made = self._made.get((kid, algorithm))
        if made is not None:
            return made
        fitting = [key for key in self._keys if _fits(key, algorithm) and kid in {None, key.get("kid")}]
        if len(fitting) != 1:
            return None
        key = self._made[kid, algorithm] = PyJWK(fitting[0], algorithm)
        return key


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    kind, curve = KEY_KINDS[algorithm]
    return key["kty"] == kind and curve in {None, key.get("crv")} and key.get("alg") in {None, algorithm}


def _is_usable(key: Any) -> bool:
    """Tell whether `key` is a whole public key for signatures, of a kind and a size that are accepted."""
    if not isinstance(key, dict) or key.get("use") not in {None, "sig"} or key.get("kty") not in {"RSA", "EC", "OKP"}:
        return False
    if "d" in key or not all(isinstance(key.get(name), str | None) for name in ("kid", "alg", "crv")):
        return False
    try:
        made = PyJWK(key)
    except PyJWTError:
        return False
    return key["kty"] != "RSA" or int(made.key.key_size) >= LEAST_RSA_BITS


async def _get_json(url: str) -> dict[str, Any]:
    """GET a JSON object of at most MOST_BYTES; no redirect is followed. Raises OSError or ValueError."""
    parts = urlsplit(url)
    client = HttpClient(f"{parts.scheme}://{parts.netloc}", most_bytes=MOST_BYTES)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        response = await client.request("GET", path, headers=b"Accept: application/json\r\n", timeout_s=TIMEOUT_S)
    except TimeoutError as exc:
        raise TimeoutError(f"{url} did not answer within {TIMEOUT_S:g} s") from exc
    finally:
        await client.close()
    if response.status != 200:
        raise ValueError(f"{url} answered {response.status}")
    found = orjson.loads(response.body)
    if not isinstance(found, dict):
        raise ValueError(f"{url} answered no JSON object")
    return found
