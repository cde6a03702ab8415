"""Which tokens are accepted, why others are not, and when the issuer's keys are fetched."""

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import CapturingLogger

from shared.issuer import MOST_BYTES, Issuer, UnknownKey
from shared.problems import DependencyUnavailable, Problem
from shared.tokens import LONGEST_TOKEN, Tokens
from tests.oidc import LocalIssuer, make_ec, make_rsa, public_jwk, serving_issuer

HOUR = 3600


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    """An issuer with one RSA and one EC key."""
    async with serving_issuer() as served:
        yield served


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def refused(tokens: Tokens, text: str) -> Problem:
    """The Problem with which a token is refused; nothing of the token is in it."""
    with pytest.raises(Problem) as caught:
        await tokens.holder(text)
    said = json.dumps(caught.value.body()) + json.dumps(caught.value.headers)
    assert not [part for part in text.split(".") if len(part) > 12 and part in said]
    return caught.value


async def test_rsa_and_elliptic_curve_tokens_are_accepted(issuer: LocalIssuer) -> None:
    """RS256 and ES256 by default, the key found by its id through the discovery document, fetched once for both."""
    tokens = Tokens(issuer.settings())
    one = await tokens.holder(issuer.token())
    two = await tokens.holder(issuer.token(issuer.ec, "two", "ES256", sub="bob", tier="premium"))
    assert (one.subject, one.tier, one.scopes, one.collections) == ("ada", "free", ("search",), None)
    assert (two.subject, two.tier) == ("bob", "premium")
    assert one.id != two.id
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_a_key_set_address_replaces_discovery(issuer: LocalIssuer) -> None:
    """TOKEN_JWKS_URL is asked with its query, and the discovery document is not."""
    tokens = Tokens(issuer.settings(token_jwks_url=f"{issuer.url}/certs?tenant=1"))
    await tokens.holder(issuer.token())
    assert issuer.asked == ["/certs?tenant=1"]


@pytest.mark.parametrize(
    ("claims", "slug"),
    [
        ({"exp": 1}, "expired-token"),
        ({"exp": int(time.time()) - 61}, "expired-token"),
        ({"nbf": int(time.time()) + 3600}, "immature-token"),
        ({"iat": int(time.time()) + 3600}, "immature-token"),
        ({"aud": "another"}, "token-audience"),
        ({"aud": ["another", "third"]}, "token-audience"),
        ({"aud": None}, "token-audience"),
        ({"iss": "https://elsewhere.example"}, "token-issuer"),
        ({"iss": None}, "token-issuer"),
        ({"exp": None}, "malformed-token"),
        ({"exp": "soon"}, "malformed-token"),
        ({"sub": None}, "malformed-token"),
        ({"sub": ""}, "malformed-token"),
        ({"sub": "a\x00b"}, "malformed-token"),
        ({"sub": "a" * 256}, "malformed-token"),
    ],
)
async def test_a_refusal_says_why(issuer: LocalIssuer, claims: dict[str, Any], slug: str) -> None:
    """401 with a slug of its own for each fault and a WWW-Authenticate that names it."""
    problem = await refused(Tokens(issuer.settings()), issuer.token(**claims))
    assert (problem.status, problem.slug) == (401, slug)
    assert problem.headers["WWW-Authenticate"].startswith('Bearer realm="research-kb", error="invalid_token", error_de')
    assert problem.action


async def test_clocks_may_differ_by_the_skew(issuer: LocalIssuer) -> None:
    """A token that expired or begins within TOKEN_CLOCK_SKEW_S is accepted."""
    now = int(time.time())
    tokens = Tokens(issuer.settings(token_clock_skew_s=600))
    allowed: list[dict[str, Any]] = [{"exp": now - 300}, {"nbf": now + 300}, {"iat": now + 300}]
    for claims in allowed:
        assert (await tokens.holder(issuer.token(**claims))).subject == "ada"


async def test_a_signature_by_anybody_else_is_refused(issuer: LocalIssuer) -> None:
    """Another key under a known id, a changed payload, an unknown key id."""
    tokens = Tokens(issuer.settings())
    head, payload, signature = issuer.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"tier": "premium"}).encode()).decode().rstrip("=")
    texts = [issuer.token(make_rsa()), f"{head}.{forged}.{signature}", issuer.token(make_rsa(), "three")]
    for text in texts:
        assert (await refused(tokens, text)).slug == "token-signature"


async def test_unsigned_and_symmetric_tokens_are_refused(issuer: LocalIssuer) -> None:
    """alg none in any case, and HS256 signed with the issuer's public key as the secret."""
    tokens = Tokens(issuer.settings())
    public = issuer.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _, payload, _ = issuer.token().split(".")

    def forge(header: dict[str, Any], secret: bytes | None) -> str:
        head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        signature = b"" if secret is None else jwt.get_algorithm_by_name("HS256").sign(
            f"{head}.{payload}".encode(), secret
        )  # fmt: skip
        return f"{head}.{payload}." + base64.urlsafe_b64encode(signature).decode().rstrip("=")

    for name in ("none", "None", "NONE", "", None, ["RS256"]):
        assert (await refused(tokens, forge({"alg": name, "kid": "one"}, None))).slug == "token-algorithm"
    for header in ({"alg": "HS256", "kid": "one"}, {"alg": "HS256"}):
        assert (await refused(tokens, forge(header, public))).slug == "token-algorithm"
    assert (await refused(tokens, forge({"alg": "RS256", "kid": "one"}, public))).slug == "token-signature"
    assert (await refused(tokens, forge({"alg": "ES256", "kid": "one"}, public))).slug == "token-signature"


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "/keys", "http://127.0.0.1:1/keys", "one'; DROP TABLE api_keys; --", "\x00", "ONE"]
)
async def test_a_key_id_is_a_name_and_nothing_else(issuer: LocalIssuer, kid: str) -> None:
    """No key id is opened, fetched or asked of a database; addresses in the header are not followed."""
    tokens = Tokens(issuer.settings())
    text = jwt.encode(
        jwt.decode(issuer.token(), options={"verify_signature": False}), make_rsa(), "RS256",
        {"kid": kid, "jku": f"{issuer.url}/mine", "x5u": f"{issuer.url}/mine", "jwk": public_jwk(make_rsa(), kid)},
    )  # fmt: skip
    assert (await refused(tokens, text)).slug == "token-signature"
    assert "/mine" not in issuer.asked


async def test_a_key_id_that_is_no_text_is_malformed(issuer: LocalIssuer) -> None:
    """Refused before any key is looked for."""
    head = base64.urlsafe_b64encode(b'{"alg": "RS256", "kid": {"a": 1}}').decode().rstrip("=")
    _, payload, signature = issuer.token().split(".")
    assert (await refused(Tokens(issuer.settings()), f"{head}.{payload}.{signature}")).slug == "malformed-token"
    assert issuer.asked == []


@pytest.mark.parametrize("text", ["..", "a.b.c", "é.é.é", "eyJ9.e30.", "[].{}.x", f"{'a' * LONGEST_TOKEN}.b.c"])
async def test_what_is_no_token_asks_nobody(issuer: LocalIssuer, text: str) -> None:
    """Refused, however long, without a request to the issuer."""
    assert (await refused(Tokens(issuer.settings()), text)).slug == "malformed-token"
    assert issuer.asked == []


async def test_without_an_issuer_no_token_is_accepted(issuer: LocalIssuer) -> None:
    """TOKEN_ISSUER is empty by default."""
    settings = issuer.settings(token_issuer="", token_audience="")
    assert (await refused(Tokens(settings), issuer.token())).slug == "token-not-accepted"


async def test_a_token_without_key_id_needs_a_single_key(issuer: LocalIssuer) -> None:
    """With one key that fits it is verified; with two nobody guesses."""
    assert (await Tokens(issuer.settings()).holder(issuer.token(kid=None))).subject == "ada"
    issuer.keys.append(public_jwk(make_rsa(), "four"))
    assert (await refused(Tokens(issuer.settings()), issuer.token(kid=None))).slug == "token-signature"


async def test_new_keys_are_found_and_old_ones_forgotten(issuer: LocalIssuer) -> None:
    """A key id not seen before fetches at once; a withdrawn key is refused when the set has outlived its lifetime."""
    clock = Clock()
    keys = Issuer(issuer.settings(), clock)
    await keys.find_key("one", "RS256")
    issuer.keys = [public_jwk(make_rsa(), "next")]
    clock.now_s += 31
    await keys.find_key("next", "RS256")
    with pytest.raises(UnknownKey):
        await keys.find_key("one", "RS256")
    issuer.keys = [public_jwk(make_rsa(), "last")]
    clock.now_s += HOUR + 1
    with pytest.raises(UnknownKey):
        await keys.find_key("next", "RS256")


async def test_made_up_key_ids_cost_the_issuer_little(issuer: LocalIssuer) -> None:
    """A hundred unknown key ids within the interval are one request more, not a hundred."""
    clock = Clock()
    keys = Issuer(issuer.settings(token_jwks_url=f"{issuer.url}/keys"), clock)
    await keys.find_key("one", "RS256")
    clock.now_s += 31
    for number in range(100):
        with pytest.raises(UnknownKey):
            await keys.find_key(f"made-up-{number}", "RS256")
    assert len(issuer.asked) == 2


async def test_kept_keys_serve_while_the_issuer_is_away(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past their lifetime they serve for TOKEN_JWKS_STALE_S, each failure is logged, then tokens get 503."""
    clock = Clock()
    keys = Issuer(issuer.settings(token_jwks_stale_s=2 * HOUR), clock)
    await keys.find_key("one", "RS256")
    issuer.away = True
    clock.now_s += 2 * HOUR
    log = CapturingLogger()
    monkeypatch.setattr("shared.issuer.log", log)
    await keys.find_key("one", "RS256")
    await keys.find_key("one", "RS256")
    with pytest.raises(DependencyUnavailable):
        await keys.find_key("perhaps-new", "RS256")
    assert [(call.args[0], call.kwargs["age_s"]) for call in log.calls] == [("issuer_keys_not_fetched", 2 * HOUR)]
    clock.now_s += HOUR + 1
    with pytest.raises(DependencyUnavailable):
        await keys.find_key("one", "RS256")
    issuer.away = False
    clock.now_s += 31
    await keys.find_key("one", "RS256")


async def test_an_issuer_never_reached_is_a_missing_dependency(issuer: LocalIssuer) -> None:
    """503 with Retry-After, not a refusal: the token may be good."""
    issuer.away = True
    with pytest.raises(DependencyUnavailable) as caught:
        await Tokens(issuer.settings()).holder(issuer.token())
    assert (caught.value.status, caught.value.slug) == (503, "dependency-unavailable")


def an_object(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/.well-known/openid-configuration", 200, an_object(issuer="https://elsewhere.example", jwks_uri="x")),
        ("/.well-known/openid-configuration", 200, b"[]"),
        ("/.well-known/openid-configuration", 302, b""),
        ("/keys", 200, b"not JSON"),
        ("/keys", 200, an_object(keys=[])),
        ("/keys", 200, an_object(keys={"kid": "one"})),
        ("/keys", 200, b" " * (MOST_BYTES + 1)),
        ("/keys", 500, b"{}"),
    ],
)
async def test_a_strange_answer_is_no_key_set(issuer: LocalIssuer, path: str, status: int, body: bytes) -> None:
    """Another issuer's discovery, no JSON, no keys, too many bytes, an error: nothing is taken from it."""
    issuer.answers[path] = (status, body)
    with pytest.raises(DependencyUnavailable):
        await Tokens(issuer.settings()).holder(issuer.token())


async def test_a_discovery_document_cannot_lead_to_plain_http(issuer: LocalIssuer) -> None:
    """Keys named by it come over https, or from this machine."""
    body = an_object(issuer=issuer.url, jwks_uri="http://keys.example/keys")
    issuer.answers["/.well-known/openid-configuration"] = (200, body)
    with pytest.raises(DependencyUnavailable):
        await Tokens(issuer.settings()).holder(issuer.token())


async def test_weak_private_and_foreign_keys_are_passed_over(issuer: LocalIssuer) -> None:
    """Of a key set those alone are used that are public, for signatures, of a known kind and 2048 bits or more."""
    good = issuer.keys
    weak = {**public_jwk(make_rsa(1024), "one"), "alg": "RS256"}
    encrypting = {**good[0], "use": "enc"}
    private = {**good[0], "d": "AQAB"}
    symmetric = {"kty": "oct", "kid": "one", "k": "c2VjcmV0"}
    for bad in (weak, encrypting, private, symmetric, {"kty": "RSA", "kid": "one"}, "one", None, {}):
        issuer.keys = [bad, good[1]]  # type: ignore[list-item]  # what an issuer should not answer
        assert (await refused(Tokens(issuer.settings()), issuer.token())).slug == "token-signature"


async def test_a_key_serves_its_own_algorithm_alone(issuer: LocalIssuer) -> None:
    """A key that says RS256 verifies no PS256, and a curve other than the algorithm's fits nothing."""
    settings = issuer.settings(token_algorithms="RS256, PS256 ES256 ES384")
    assert (await refused(Tokens(settings), issuer.token(algorithm="PS256"))).slug == "token-signature"
    other = ec.generate_private_key(ec.SECP384R1())
    issuer.keys.append(public_jwk(other, "five"))
    assert (await Tokens(settings).holder(issuer.token(other, "five", "ES384"))).subject == "ada"
    assert (await refused(Tokens(settings), issuer.token(make_ec(), "five", "ES256"))).slug == "token-signature"
