"""What the keys function takes and gives."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictInt

from shared.tiers import TIERS, Tier

KeyScope = Literal["search", "read", "ingest", "admin"]
SCOPES: tuple[KeyScope, ...] = ("search", "read", "ingest", "admin")


class Limits(BaseModel):
    """Requests of one key."""

    model_config = ConfigDict(extra="forbid")

    per_hour: int = Field(ge=1, le=2_000_000_000, description="Requests in the hour from the key's first request.")
    concurrent: int = Field(ge=1, le=10_000, description="Requests under way at the same time.")


TIER_LIMITS: dict[Tier, Limits] = {tier: Limits(**limits._asdict()) for tier, limits in TIERS.items()}


class AskedLimits(BaseModel):
    """Limits other than the tier's; what is absent stays the tier's."""

    model_config = ConfigDict(extra="forbid")

    per_hour: StrictInt | None = Field(default=None, ge=1, le=2_000_000_000)
    concurrent: StrictInt | None = Field(default=None, ge=1, le=10_000)


def _once(values: list[str]) -> list[str]:
    """Drop repetitions, keep the order."""
    return list(dict.fromkeys(values))


def _plain(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds a NUL character; remove it")
    return value


def _future(value: datetime | None) -> datetime | None:
    if value is not None and value <= datetime.now(UTC):
        raise ValueError("lies in the past")
    return value


CollectionName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")]


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "reading group", "tier": "standard", "scopes": ["search", "read"]}],
        },
    )

    name: Annotated[str, AfterValidator(_plain)] = Field(
        min_length=1, max_length=200, description="For people; need not be unique."
    )
    tier: Tier
    scopes: Annotated[list[KeyScope], AfterValidator(_once)] = Field(
        min_length=1, max_length=16, description="None implies another."
    )
    collections: Annotated[list[CollectionName] | None, AfterValidator(lambda v: v and _once(v))] = Field(
        default=None, min_length=1, max_length=1000, description="The only ones it may see; absent: all."
    )
    expires_at: Annotated[AwareDatetime | None, AfterValidator(_future)] = Field(
        default=None, description="With a time zone; absent: never."
    )
    limits: AskedLimits | None = None

    def effective_limits(self) -> Limits:
        """Return the tier's limits, with those asked for in their place."""
        asked = self.limits.model_dump(exclude_none=True) if self.limits else {}
        return TIER_LIMITS[self.tier].model_copy(update=asked)


class Key(BaseModel):
    """A key as its administrator sees it: without the secret."""

    id: UUID
    name: str
    tier: Tier
    scopes: list[str]
    collections: list[str] | None
    limits: Limits
    expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None


class MadeKey(Key):
    """A key just made, with the text that its holder sends; shown this once."""

    key: str = Field(examples=["rkb_9f3c1c9e5d7e4b1f8f0a2b7d6c5e4f3a_" + "a" * 52])


class KeyList(BaseModel):
    """A page of keys, newest first."""

    items: list[Key]
    next_cursor: str | None


class Window(BaseModel):
    """The hour that runs since the key's first request in it."""

    started_at: datetime | None = Field(description="Absent: the next request begins one.")
    resets_at: datetime | None
    requests: int
    remaining: int


class EndedWindow(BaseModel):
    """An hour that has ended."""

    started_at: datetime
    requests: int


class Usage(BaseModel):
    """What a key, or the subject of tokens, may use and has used."""

    key_id: UUID = Field(description="The key's id, or the subject's.")
    name: str = Field(description="The key's name, or the subject of the token.")
    tier: Tier
    scopes: list[str]
    collections: list[str] | None
    expires_at: datetime | None
    limits: Limits
    window: Window
    in_flight: int = Field(description="Requests under way now, this one included.")
    total_requests: int
    refused_requests: int = Field(description="Answered 429; they cost nothing.")
    ended_windows: list[EndedWindow] = Field(description="Newest first.")
