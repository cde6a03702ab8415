"""An issuer that takes its time: kept keys serve meanwhile, for as long as they may."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from structlog.testing import CapturingLogger

from shared import issuer as module
from shared.issuer import Issuer, UnknownKey
from shared.problems import DependencyUnavailable
from tests.oidc import LocalIssuer, make_rsa, public_jwk, serving_issuer

LIFETIME_S, STALE_S = 3600, 7200


class Held:
    """An issuer's keys, fetched once, and the clock by which they grow old."""

    def __init__(self, served: LocalIssuer) -> None:
        self.served, self.now_s = served, 1000.0
        self.keys = Issuer(served.settings(token_jwks_stale_s=STALE_S), lambda: self.now_s)

    async def find(self, kid: str = "one") -> None:
        """Find a key of an issuer that is asked as long as the test allows."""
        async with asyncio.timeout(30):
            await self.keys.find_key(kid, "RS256")


@pytest_asyncio.fixture
async def held(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    """Keys that have just outlived their lifetime, of an issuer that has stopped answering."""
    monkeypatch.setattr(module, "TIMEOUT_S", 20.0)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    async with serving_issuer() as served:
        held = Held(served)
        await held.find()
        served.asked.clear()
        served.answering.clear()
        held.now_s += LIFETIME_S + 1
        yield held
        served.answering.set()


async def test_valid_tokens_do_not_wait_for_it(held: Held) -> None:
    """The request that begins the fetch waits a moment, all others find the kept key at once; one fetch is made."""
    await held.find()
    async with asyncio.timeout(1):
        for _ in range(100):
            held.now_s += 1  # past TOKEN_JWKS_REFETCH_S too: one that is under way is enough
            await held.find()
    assert held.served.asked == ["/.well-known/openid-configuration"]


async def test_what_it_answers_late_counts(held: Held) -> None:
    """A key that it withdrew is refused as soon as it has answered, though nobody waited for that."""
    held.served.keys = [public_jwk(make_rsa(), "next")]
    await held.find()
    held.served.answering.set()
    await held.find("next")
    with pytest.raises(UnknownKey):
        await held.find()


async def test_a_key_not_held_waits_for_it(held: Held) -> None:
    """A key id not seen before may be new: its token waits for the fetch under way, the others do not."""
    held.served.keys.append(public_jwk(make_rsa(), "next"))
    waiting = asyncio.create_task(held.find("next"))
    await asyncio.sleep(0.1)
    await held.find()
    assert not waiting.done()
    held.served.answering.set()
    await waiting


async def test_a_caller_that_leaves_ends_no_fetch(held: Held) -> None:
    """The client that began it may hang up."""
    waiting = asyncio.create_task(held.find("next"))
    await asyncio.sleep(0.1)
    waiting.cancel()
    held.served.keys = [public_jwk(make_rsa(), "next")]
    held.served.answering.set()
    await held.find("next")
    assert len(held.served.asked) == 2


async def test_unrefreshed_keys_end(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt that failed is told once; TOKEN_JWKS_STALE_S past their lifetime the kept keys count no more."""
    monkeypatch.setattr(module, "TIMEOUT_S", 0.1)
    log = CapturingLogger()
    monkeypatch.setattr(module, "log", log)
    for _ in range(3):
        await held.find()
    await asyncio.sleep(0.5)
    await held.find()
    assert [call.args[0] for call in log.calls] == ["issuer_keys_not_fetched"]
    held.now_s += STALE_S
    with pytest.raises(DependencyUnavailable):
        await held.find()
    assert [call.kwargs["exc_info"] for call in log.calls] == [False, False]


async def test_a_fault_of_ours_is_told_and_kept_keys_serve(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody awaits the fetch: whatever it raises is logged with where it came from."""

    async def fail(_: str) -> None:
        raise TypeError("a fault")

    log = CapturingLogger()
    monkeypatch.setattr(module, "log", log)
    monkeypatch.setattr(module, "_get_json", fail)
    await held.find()
    assert [(call.kwargs["reason"], call.kwargs["exc_info"]) for call in log.calls] == [("a fault", True)]
