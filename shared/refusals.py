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
_SLOT_RETRY_S = 1  # a slot comes back with any answer, and most take far less than a second


def missing_key() -> Problem:
    """Return the 401 of a request without a key."""
    return Problem(401, "missing-key", "An API key is needed", "", _HOW, {"WWW-Authenticate": _REALM})


def refusal(outcome: str, scopes: tuple[str, ...], row: Any = None, budget: dict[str, str] | None = None) -> Problem:
    """Return the Problem of an `outcome` of the statement admit; `budget` are the RateLimit headers."""
    headers = dict(budget or {})
    if outcome in _KEY_FAULTS:
        headers["WWW-Authenticate"] = f'{_REALM}, error="invalid_token"'
        return Problem(401, *_KEY_FAULTS[outcome], _HOW, headers)
    if outcome == "scope":
        return _missing_scope(scopes, row["key_scopes"], headers)
    if outcome == "rate":
        return _out_of_budget(row, headers)
    return _out_of_slots(row, headers)


def _missing_scope(scopes: tuple[str, ...], held: list[str], headers: dict[str, str]) -> Problem:
    needed = " or ".join(scopes)
    return Problem(
        403,
        "missing-scope",
        "The API key lacks a scope",
        f"This needs the scope {needed}; the key holds {', '.join(sorted(held)) or 'none'}.",
        f"Use a key with the scope {needed}; an administrator makes one with POST /keys.",
        headers,
        required_scopes=list(scopes),
    )


def _out_of_budget(row: Any, headers: dict[str, str]) -> Problem:
    return Problem(
        429,
        "rate-limited",
        "The hour's requests are used up",
        f"A key of tier {row['key_tier']} with this limit has {row['hourly_limit']} requests an hour.",
        f"Wait {row['reset_s']} s (Retry-After), or ask an administrator for a higher tier. Refused requests are free.",
        headers | {"Retry-After": str(row["reset_s"])},
    )


def _out_of_slots(row: Any, headers: dict[str, str]) -> Problem:
    return Problem(
        429,
        "too-many-at-once",
        "Too many requests at once",
        f"This key may have {row['concurrency_limit']} requests under way at the same time.",
        "Wait for an answer before sending the next request. Refused requests are free.",
        headers | {"Retry-After": str(_SLOT_RETRY_S)},
    )
