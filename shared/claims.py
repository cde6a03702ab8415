"""What the claims of a verified token say: who it is, and what tier, scopes and collections its holder has."""

import uuid
from dataclasses import dataclass
from typing import Any

from shared.refusals import token_fault, token_refusal
from shared.tiers import SCOPES, TIERS, Tier
from shared.token_settings import TokenSettings

SUBJECTS = uuid.UUID("6d0f3f0e-2a57-5c0c-9a4d-0a6a2f5b7e11")
"""Namespace of subjects' ids; any fixed number does."""

MOST_COLLECTIONS = 1000
LONGEST_NAME = 255  # of a subject (OpenID Connect Core, section 2) and of a collection


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever a token speaks for; every token of one subject shares one budget, under `id`."""

    id: uuid.UUID
    issuer: str
    subject: str
    tier: Tier
    scopes: tuple[str, ...]
    collections: list[str] | None  # None: every collection

    def row(self) -> tuple[Any, ...]:
        """Return the first parameters of admit_token.sql."""
        limits = TIERS[self.tier]
        return self.id, self.issuer, self.subject, self.tier, self.scopes, self.collections, *limits


def read_claims(claims: dict[str, Any], settings: TokenSettings) -> Holder:
    """Return the holder; a Problem 401 without a usable subject, 403 for a tier or a list that cannot be read."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_NAME or not subject.isprintable():
        raise token_fault("malformed", "It has no sub claim of 1 to 255 printable characters.")
    return Holder(
        id=uuid.uuid5(SUBJECTS, f"{settings.token_issuer} {subject}"),
        issuer=settings.token_issuer,
        subject=subject,
        tier=_tier(find_claim(claims, settings.token_tier_claim), settings),
        scopes=_scopes(find_claim(claims, settings.token_scopes_claim), settings),
        collections=_collections(find_claim(claims, settings.token_collections_claim), settings),
    )


def find_claim(claims: dict[str, Any], name: str) -> Any:
    """Return the claim of that name, else the one at that dotted path (`realm_access.roles`), else None."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _tier(value: Any, settings: TokenSettings) -> Tier:
    if value is None:
        return settings.token_default_tier
    for tier in TIERS:
        if value == tier:
            return tier
    detail = f"The claim {settings.token_tier_claim} holds none of {', '.join(TIERS)}."
    raise token_refusal("unknown-tier", "The token's tier is unknown", detail)


def _scopes(value: Any, settings: TokenSettings) -> tuple[str, ...]:
    """Words of other services, like openid, are passed over."""
    words = value.split() if isinstance(value, str) else [] if value is None else value
    if not _is_list_of_texts(words):
        raise _unreadable(settings.token_scopes_claim, "a text or a list of texts")
    prefix = settings.token_scope_prefix
    held = {word.removeprefix(prefix) for word in words if word.startswith(prefix)}
    return tuple(scope for scope in SCOPES if scope in held)


def _collections(value: Any, settings: TokenSettings) -> list[str] | None:
    """An empty list is refused: it would have to mean either none or all."""
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    fits = _is_list_of_texts(names) and 0 < len(names) <= MOST_COLLECTIONS
    if not fits or not all(0 < len(name) <= LONGEST_NAME and name.isprintable() for name in names):
        raise _unreadable(settings.token_collections_claim, f"1 to {MOST_COLLECTIONS} names of collections")
    return list(dict.fromkeys(names))


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _unreadable(claim: str, expected: str) -> Exception:
    return token_refusal("unreadable-claim", "A claim of the token cannot be read", f"{claim} must be {expected}.")
