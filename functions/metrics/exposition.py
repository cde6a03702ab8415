"""GET /metrics from Postgres: the sums of every event, and what is read when it is asked for."""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from functions.metrics import catalogue
from functions.metrics.catalogue import Family
from shared.database import load_sql
from shared.exposition import bucket_lines, head, render, sample
from shared.logs import get_log
from shared.problems import DependencyUnavailable, Problem
from shared.resources import Resources

CONTENTS_AGE_S = 60.0
"""Counting a million documents takes a tenth of a second; nobody needs their number anew at every scrape."""

log = get_log("metrics")


class Exposition:
    """What Prometheus gets of the whole system, whatever process of it lives."""

    def __init__(self, held: Resources) -> None:
        self._held = held
        self._contents: list[Any] = []
        self._counted_at: float | None = None

    async def text(self) -> str:
        """Return the exposition; without a database it says so and holds no sums."""
        lines = [*render_gauge(catalogue.INFERENCE_UP, await self._inference_up())]
        try:
            sums, state = await self._read()
        except DependencyUnavailable as exc:
            log.warning("sums_unavailable", reason=exc.detail)
            return "\n".join([*lines, *render_gauge(catalogue.DATABASE_UP, 0), ""])
        lines += render_gauge(catalogue.DATABASE_UP, 1)
        lines += render_sums(sums)
        lines += render_state(state)
        return "\n".join([*lines, ""])

    async def _read(self) -> tuple[list[Any], list[Any]]:
        from shared.database import no_connection

        try:
            return await self._query()
        except no_connection() as exc:
            raise DependencyUnavailable("Postgres", type(exc).__name__) from exc

    async def _query(self) -> tuple[list[Any], list[Any]]:
        pool = await self._held.pool()
        async with pool.acquire(timeout=self._held.settings.database_acquire_timeout_s) as connection:
            if self._counted_at is None or time.monotonic() - self._counted_at > CONTENTS_AGE_S:
                self._contents = await connection.fetch(load_sql(__file__, "contents"))
                self._counted_at = time.monotonic()
            sums = await connection.fetch(load_sql(__file__, "sums"))
            return sums, [*self._contents, *await connection.fetch(load_sql(__file__, "state"))]

    async def _inference_up(self) -> int:
        try:
            await self._held.inference.ready()
        except Problem:
            return 0
        return 1


def render_gauge(family: Family, value: float) -> Iterable[str]:
    """Return the lines of a gauge without labels."""
    return render(family.name, family.kind, family.help, [({}, value)])


def render_sums(rows: list[Any]) -> Iterable[str]:
    """Return the lines of counters and histograms, of rows of sums.sql; zeros where nothing was added yet."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["name"]].append(row)
    for family in catalogue.SUMMED:
        yield from head(family.name, family.kind, family.help)
        yield from _series(family, found[family.name])


def _series(family: Family, rows: list[Any]) -> Iterable[str]:
    for row in rows:
        labels = {name: row["labels"][name] for name in family.labels}
        if family.kind == "counter":
            yield sample(family.name, labels, row["value"])
        else:
            yield from bucket_lines(family.name, labels, row["bounds"], row["counts"], row["total"])
    if family.kind == "histogram" and not family.labels and not rows:
        yield from bucket_lines(family.name, {}, family.bounds, [0] * (len(family.bounds) + 1), 0)
    seen = {row["labels"].get(family.labels[0]) for row in rows} if family.labels else set()
    for value in family.zero:
        if value not in seen:
            yield sample(family.name, {family.labels[0]: value}, 0)


def render_state(rows: list[Any]) -> Iterable[str]:
    """Return the lines of what was read now, of rows of state.sql and contents.sql."""
    for family in catalogue.STATE:
        label = family.labels[0] if family.labels else None
        samples = [
            ({label: row["label"]} if label else {}, row["value"]) for row in rows if row["name"] == family.name
        ]
        yield from render(family.name, family.kind, family.help, samples)
