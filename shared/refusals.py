"""Why a request is not let in: 401, 403 and 429, each with what to do."""

from typing import Any

from shared.problems import Problem

_REALM = 'Bearer realm="research-kb"'
_HOW = "Send a key as Authorization: Bearer rkb_... or X-API-Key: rkb_...; an administrator makes one with POST /keys."
_KEY_FAULTS = {
    "malformed": ("invalid-key", "The API key is not valid", "It does not have the form rkb_<id>_<secret>."),
    "unknown": ("invalid-key", "The API key is not valid", "No such key, or a wrong secret."),
    "revoked": ("revoked-key", "The API key is revoked", "An administrator has revoked it."),
    "expired": ("expired-key", "The API key has expired", "Its expires_at has passed."),
}
_OTHERWISE = "Get a new token from the issuer for this server's audience, or send an API key (rkb_...)."
_TOKEN_FAULTS = {
    "not-accepted": ("token-not-accepted", "Tokens are not accepted here", "This server knows no issuer of tokens."),
    "malformed": ("malformed-token", "The token is not valid", "It is no JWT that can be read."),
    "algorithm": ("token-algorithm", "The token's algorithm is not accepted", ""),
    "signature": ("token-signature", "The token's signature is not valid", "It does not fit the issuer's key."),
    "expired": ("expired-token", "The token has expired", "Its exp has passed."),
    "not-yet": ("immature-token", "The token is not valid yet", "Its nbf or iat lies in the future."),
    "audience": ("token-audience", "The token is for another audience", "Its aud does not name this server."),
    "issuer": ("token-issuer", "The token is another issuer's", "Its iss is not the issuer that this server trusts."),
}
NO_TIER = "none"
"""The tier of a caller whose key or token is not known."""
_SLOT_RETRY_S = 1  # a slot comes back with any answer, and most take far less than a second


def missing_key() -> Problem:
    """Return the 401 of a request without a key."""
    problem = Problem(401, "missing-key", "An API key is needed", "", _HOW, {"WWW-Authenticate": _REALM})
    return _counted(problem, "missing")


def token_fault(fault: str, detail: str | None = None) -> Problem:
    """Return the 401 of a token that is not valid; nothing of the token is in it."""
    slug, title, usual = _TOKEN_FAULTS[fault]
    headers = {"WWW-Authenticate": f'{_REALM}, error="invalid_token", error_description="{title}"'}
    return _counted(Problem(401, slug, title, detail or usual, _OTHERWISE, headers), "token")


def token_refusal(slug: str, title: str, detail: str) -> Problem:
    """Return the 403 of a valid token whose claims do not say what its holder may do."""
    action = "Ask whoever runs the issuer to correct the claim; docs/api.md names it."
    return _counted(Problem(403, slug, title, detail, action), "token")


def refusal(
    outcome: str,
    scopes: tuple[str, ...],
    row: Any = None,
    budget: dict[str, str] | None = None,
    what: str = "key",
) -> Problem:
    """Return the Problem of an `outcome` of the statement admit; `budget` are the RateLimit headers.

    `what` the caller has sent: a key or a token.
    """
    problem = _problem_of(outcome, scopes, row, dict(budget or {}), what)
    return _counted(problem, outcome, row["key_tier"] if row else None)


def _counted(problem: Problem, reason: str, tier: str | None = None) -> Problem:
    """Return the problem with what it is counted by."""
    problem.refused = reason, tier or NO_TIER
    return problem


def _problem_of(outcome: str, scopes: tuple[str, ...], row: Any, headers: dict[str, str], what: str) -> Problem:
    if outcome in _KEY_FAULTS:
        headers["WWW-Authenticate"] = f'{_REALM}, error="invalid_token"'
        return Problem(401, *_KEY_FAULTS[outcome], _HOW, headers)
    if outcome == "scope":
        return _missing_scope(scopes, row["key_scopes"], headers, what)
    if outcome == "rate":
        return _out_of_budget(row, headers, what)
    return _out_of_slots(row, headers, what)


def _missing_scope(
    scopes: tuple[str, ...], held: list[str], headers: dict[str, str], what: str
) -> Problem:
    source = "an administrator makes one with POST /keys" if what == "key" else "the issuer puts it into the claim"
    needed = " or ".join(scopes)
    return Problem(
        403,
        "missing-scope",
        "The API key lacks a scope" if what == "key" else "The token lacks a scope",
        f"This needs the scope {needed}; the {what} holds {', '.join(sorted(held)) or 'none'}.",
        f"Use a {what} with the scope {needed}; {source}.",
        headers,
        required_scopes=list(scopes),
    )


def _out_of_budget(row: Any, headers: dict[str, str], what: str) -> Problem:
    return Problem(
        429,
        "rate-limited",
        "The hour's requests are used up",
        f"A {what} of tier {row['key_tier']} with this limit has {row['hourly_limit']} requests an hour.",
        f"Wait {row['reset_s']} s (Retry-After), or ask an administrator for a higher tier. Refused requests are free.",
        headers | {"Retry-After": str(row["reset_s"])},
    )


def _out_of_slots(row: Any, headers: dict[str, str], what: str) -> Problem:
    holder = "This key" if what == "key" else "The subject of this token"
    return Problem(
        429,
        "too-many-at-once",
        "Too many requests at once",
        f"{holder} may have {row['concurrency_limit']} requests under way at the same time.",
        "Wait for an answer before sending the next request. Refused requests are free.",
        headers | {"Retry-After": str(_SLOT_RETRY_S)},
    )
