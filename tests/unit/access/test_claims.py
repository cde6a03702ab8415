"""What a token's claims allow, and which settings of tokens are refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.claims import Holder, read_claims
from shared.problems import Problem
from shared.settings import Settings

ISSUER = "https://login.example"


def make_settings(**more: Any) -> Settings:
    """Settings with an issuer."""
    given: dict[str, Any] = {"token_issuer": ISSUER, "token_audience": "kb"}
    return Settings(database_url="postgresql://u:secret@h/d", **given | more)


def read(settings: Settings | None = None, **claims: Any) -> Holder:
    """The holder whom these claims describe."""
    return read_claims({"sub": "ada", **claims}, settings or make_settings())


def test_a_subject_is_one_holder_at_one_issuer() -> None:
    """The same id whatever else the token says; another at another issuer."""
    assert read(tier="free").id == read(tier="premium", scope="search").id
    assert read().id != read(sub="bob").id
    assert read().id != read(make_settings(token_issuer="https://other.example")).id


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        ("openid search read profile", ("search", "read")),
        (["admin", "ingest"], ("ingest", "admin")),
        ("", ()),
        (None, ()),
        ("Search READ", ()),
        ("search search", ("search",)),
    ],
)
def test_scopes_come_as_text_or_list(scope: Any, held: tuple[str, ...]) -> None:
    """Words of other services are passed over; none given means none held."""
    assert read(scope=scope).scopes == held


def test_claims_may_be_named_otherwise() -> None:
    """By any name, dots and slashes included, by a path into objects, and with a prefix before each scope."""
    settings = make_settings(
        token_tier_claim="https://kb.example/tier",
        token_scopes_claim="realm_access.roles",
        token_scope_prefix="kb-",
        token_collections_claim="groups",
    )
    claims: dict[str, Any] = {"https://kb.example/tier": "standard", "realm_access": {"roles": ["kb-read", "search"]}}
    holder = read(settings, **claims, groups=["a", "b", "a"])
    assert (holder.tier, holder.scopes, holder.collections) == ("standard", ("read",), ["a", "b"])
    assert read(settings, realm_access="read").scopes == ()


@pytest.mark.parametrize(
    ("claims", "slug"),
    [
        ({"tier": "gold"}, "unknown-tier"),
        ({"tier": ""}, "unknown-tier"),
        ({"tier": ["premium"]}, "unknown-tier"),
        ({"scope": {"search": True}}, "unreadable-claim"),
        ({"scope": [1]}, "unreadable-claim"),
        ({"collections": []}, "unreadable-claim"),
        ({"collections": {}}, "unreadable-claim"),
        ({"collections": ["a\x00"]}, "unreadable-claim"),
        ({"collections": ["a"] * 1001}, "unreadable-claim"),
    ],
)
def test_what_cannot_be_read_is_refused(claims: dict[str, Any], slug: str) -> None:
    """403: neither more nor less than meant is granted."""
    with pytest.raises(Problem) as caught:
        read(**claims)
    assert (caught.value.status, caught.value.slug) == (403, slug)


def test_a_token_without_tier_has_the_default_one() -> None:
    """free, unless TOKEN_DEFAULT_TIER says otherwise."""
    assert read().tier == "free"
    assert read(make_settings(token_default_tier="standard")).tier == "standard"


@pytest.mark.parametrize(
    "given",
    [
        {"token_audience": ""},
        {"token_algorithms": "HS256"},
        {"token_algorithms": "none"},
        {"token_algorithms": " "},
        {"token_issuer": "http://login.example"},
        {"token_issuer": "login.example"},
        {"token_jwks_url": "file:///etc/passwd"},
        {"token_jwks_url": "https://login.example/a b"},
        {"token_default_tier": "gold"},
    ],
)
def test_settings_that_would_let_others_in_are_refused(given: dict[str, Any]) -> None:
    """The server does not start, and its complaint shows no other setting's value."""
    with pytest.raises(ValidationError) as caught:
        make_settings(**given)
    assert "secret" not in str(caught.value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """TOKEN_ALGORITHMS is a list with commas or spaces; plain http is accepted for this machine, or when spelt out."""
    for name, value in {
        "DATABASE_URL": "postgresql://h/d", "TOKEN_ISSUER": "http://127.0.0.1:9000", "TOKEN_AUDIENCE": "kb",
        "TOKEN_ALGORITHMS": "ES256,EdDSA", "TOKEN_JWKS_URL": "http://login.auth.svc/keys",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert Settings().token_algorithms == ("ES256", "EdDSA")
