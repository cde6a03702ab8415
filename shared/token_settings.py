"""Settings of tokens: whose JWTs are accepted, and what their claims mean. Empty TOKEN_ISSUER: none are."""

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from shared.file_settings import FileSettings, SettingsConfigDict
from shared.tiers import Tier

KEY_KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Algorithm -> type and curve of its keys; asymmetric ones alone: who checks tokens must not be able to make them."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def _split(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


class TokenSettings(FileSettings):
    """An OIDC issuer and the reading of its tokens."""

    # What a check of all fields refuses is all fields, the database's password among them.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    token_issuer: str = ""
    token_audience: str = ""
    token_jwks_url: str = ""  # empty: from the issuer's discovery document
    token_algorithms: Annotated[tuple[str, ...], BeforeValidator(_split)] = ("RS256", "ES256")
    # Clocks kept by NTP differ by far less than a second; a minute also forgives one that is not.
    token_clock_skew_s: float = Field(default=60.0, ge=0, le=600)

    token_tier_claim: str = Field(default="tier", min_length=1)
    token_scopes_claim: str = Field(default="scope", min_length=1)
    token_scope_prefix: str = ""
    token_collections_claim: str = Field(default="collections", min_length=1)
    token_default_tier: Tier = Field(default="free")

    # A key that the issuer withdraws is refused an hour later at the latest, while the issuer answers in a second.
    token_jwks_lifetime_s: float = Field(default=3600.0, gt=0)
    # An issuer away over night locks nobody out; one away for longer does. As long may a key live that it withdrew.
    token_jwks_stale_s: float = Field(default=12 * 3600.0, ge=0)
    # Tokens with made-up key ids cost the issuer no more than two requests a minute from each process.
    token_jwks_refetch_s: float = Field(default=30.0, ge=0)

    @model_validator(mode="after")
    def check_tokens(self) -> Self:
        """Refuse settings under which a token could be accepted that is not meant for this server."""
        unknown = sorted(set(self.token_algorithms) - KEY_KINDS.keys())
        if unknown or not self.token_algorithms:
            said = ", ".join(unknown) or "nothing"
            raise ValueError(f"TOKEN_ALGORITHMS holds {said}; choose from {', '.join(KEY_KINDS)} (asymmetric only)")
        if self.token_issuer and not self.token_audience:
            raise ValueError("TOKEN_ISSUER needs TOKEN_AUDIENCE: else tokens made for other services would be accepted")
        for name in ("token_issuer", "token_jwks_url"):
            check_address(name.upper(), getattr(self, name), plain_allowed=name == "token_jwks_url")
        return self


def check_address(name: str, url: str, *, plain_allowed: bool = False) -> None:
    """Raise ValueError for an address that keys must not be fetched from: plain http reaches this machine alone.

    An explicit TOKEN_JWKS_URL may be plain http (`plain_allowed`): inside a cluster that is its operator's choice.
    """
    if not url:
        return
    parts = urlsplit(url)
    usable = parts.scheme == "https" or (parts.scheme == "http" and (plain_allowed or parts.hostname in LOOPBACK))
    if not usable or not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{name} is no address that keys can be trusted from; expected https://host/...")
