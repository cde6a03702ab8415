"""JWTs of an OIDC issuer: verified, or refused with the reason. Imported by the first request that brings one."""

from typing import Any

import jwt
from jwt.exceptions import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from shared.claims import Holder, read_claims
from shared.issuer import Issuer, UnknownKey
from shared.refusals import token_fault
from shared.token_settings import TokenSettings

LONGEST_TOKEN = 16 * 1024
"""Characters; tokens with a long list of groups have some 4000."""

_FAULTS: tuple[tuple[type[PyJWTError], str], ...] = (
    (ExpiredSignatureError, "expired"),
    (ImmatureSignatureError, "not-yet"),
    (InvalidAudienceError, "audience"),
    (InvalidIssuerError, "issuer"),
    (InvalidSignatureError, "signature"),
)


class Tokens:
    """Whose tokens are accepted, by configuration."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings, self._issuer = settings, Issuer(settings)

    async def holder(self, text: str) -> Holder:
        """Return whom a token speaks for.

        Raises
        ------
        Problem
            401 with the reason for a token that is not valid, 403 for claims that cannot be read.
        DependencyUnavailable
            When the issuer's keys cannot be had.
        """
        if not self._settings.token_issuer:
            raise token_fault("not-accepted")
        return read_claims(await self._verify(text), self._settings)

    async def _verify(self, text: str) -> dict[str, Any]:
        kid, algorithm = self._read_header(text)
        try:
            key = await self._issuer.find_key(kid, algorithm)
        except UnknownKey as exc:
            raise token_fault("signature", "It is signed with a key that the issuer does not list.") from exc
        settings = self._settings
        try:
            return jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                audience=settings.token_audience,
                issuer=settings.token_issuer,
                leeway=settings.token_clock_skew_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except PyJWTError as exc:
            raise _fault_of(exc) from None  # the cause would quote parts of the token

    def _read_header(self, text: str) -> tuple[str | None, str]:
        """Return key id and algorithm; what can be refused without the issuer's keys is refused here."""
        if len(text) > LONGEST_TOKEN:
            raise token_fault("malformed", f"It has more than {LONGEST_TOKEN} characters.")
        try:
            unverified = jwt.decode_complete(text, options={"verify_signature": False})
        except (PyJWTError, UnicodeError):
            raise token_fault("malformed") from None
        header, claims = unverified["header"], unverified["payload"]
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in self._settings.token_algorithms:
            accepted = ", ".join(self._settings.token_algorithms)
            raise token_fault("algorithm", f"It is not signed with one of {accepted}.")
        if claims.get("iss") != self._settings.token_issuer:
            raise token_fault("issuer")  # told before its key is looked for: another issuer's is never found
        return kid, algorithm


def _fault_of(exc: PyJWTError) -> Exception:
    if isinstance(exc, MissingRequiredClaimError):
        return token_fault("audience" if exc.claim == "aud" else "malformed", f"It has no claim {exc.claim}.")
    for kind, fault in _FAULTS:
        if isinstance(exc, kind):
            return token_fault(fault)
    return token_fault("malformed", "A claim or the header is not valid." if isinstance(exc, DecodeError) else None)
