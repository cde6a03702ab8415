"""What the metrics function says while Postgres is away: the alert on it reads this gauge."""

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from functions.metrics.exposition import Exposition
from shared.resources import Resources
from shared.settings import Settings

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


async def gauges(exposition: Exposition) -> dict[str, float]:
    """Return every sample; none has labels while Postgres is away."""
    families = text_string_to_metric_families(await exposition.text())
    return {sample.name: sample.value for family in families for sample in family.samples}


@pytest.fixture
def held() -> Resources:
    """Connections to a database and a model server that nobody serves."""
    return Resources(Settings(database_url=NOWHERE, triton_url="http://127.0.0.1:1"))


async def test_a_database_that_is_away_is_said_to_be(held: Resources) -> None:
    """The gauge is 0, not absent; sums and state are not there at all."""
    assert await gauges(Exposition(held)) == {"research_kb_inference_up": 0, "research_kb_database_up": 0}
    await held.close()


async def test_a_database_that_refuses_us_counts_as_away(held: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that was changed is an answer to a scrape, not a failed one."""

    async def refused(_: Exposition) -> None:
        raise asyncpg.InvalidPasswordError("no")

    monkeypatch.setattr(Exposition, "_query", refused)
    assert (await gauges(Exposition(held)))["research_kb_database_up"] == 0
    await held.close()
