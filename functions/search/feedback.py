"""What askers say of the passages that a search gave them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.access import Caller
from shared.database import load_sql
from shared.problems import Problem
from shared.resources import Resources


class Feedback(BaseModel):
    """A verdict on one hit of one search."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "search_id": "0636d68c1a4a9491a02610eecfc8bcc8",
                    "passage_id": 4711,
                    "verdict": "relevant",
                    "rank": 1,
                }
            ]
        },
    )

    search_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] = Field(
        description="The X-Trace-Id of the search's answer."
    )
    passage_id: int = Field(strict=True, ge=1, le=2**63 - 1, description="The hit's id.")
    verdict: Literal["relevant", "irrelevant", "clicked"]
    rank: int | None = Field(default=None, strict=True, ge=1, le=200, description="The hit's place, from 1.")


class FeedbackReceipt(BaseModel):
    """What was kept."""

    search_id: str
    passage_id: int
    verdict: str
    duplicate: bool = Field(description="The key had said the same of it before; it counts once.")


async def keep_feedback(held: Resources, caller: Caller, given: Feedback) -> bool:
    """Keep a verdict; return whether it is new. A Problem 404 where the key sees no such passage."""
    import asyncpg

    pool = await held.pool()
    arguments = (given.search_id, given.passage_id, given.verdict, caller.key_id, given.rank, caller.collections)
    try:
        row: Any = await pool.fetchrow(load_sql(__file__, "add_feedback"), *arguments)
    except asyncpg.ForeignKeyViolationError as exc:  # deleted between the look and the insert
        raise _unknown_passage(given.passage_id) from exc
    if not row["known"]:
        raise _unknown_passage(given.passage_id)
    return bool(row["added"])


def _unknown_passage(passage_id: int) -> Problem:
    action = "Send the id of a hit; a passage that was replaced or deleted since the search takes no feedback."
    return Problem(404, "passage-not-found", "No such passage", str(passage_id), action)
