"""Metrics in Prometheus' text format, version 0.0.4, and without a client: importing one takes as long as a search.

A family has a name, a help text and series by labels; counters and histograms only grow.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]
"""Values, in the order of the family's label names."""


class Buckets:
    """A histogram's one series: how many fell into each bucket (the last one has no bound), and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts, self.total = [0] * buckets, 0.0


class Counter:
    """Sums by label values. No dataclass: making one takes longer, and every function does on its way up."""

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        self.name, self.text, self.labels = name, text, labels
        self.values: dict[Labels, float] = {}

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Add to the series with these label values."""
        self.values[labels] = self.values.get(labels, 0.0) + by

    def lines(self) -> Iterable[str]:
        """Return the family's lines."""
        samples = ((dict(zip(self.labels, key, strict=True)), value) for key, value in self.values.items())
        return render(self.name, "counter", self.text, samples)


class Histogram:
    """Distributions by label values over fixed upper `bounds`."""

    def __init__(self, name: str, text: str, bounds: tuple[float, ...], labels: Labels = ()) -> None:
        self.name, self.text, self.bounds, self.labels = name, text, bounds, labels
        self.values: dict[Labels, Buckets] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Add one observation to the series with these label values."""
        series = self.values.get(labels)
        if series is None:
            series = self.values[labels] = Buckets(len(self.bounds) + 1)
        series.counts[bisect_left(self.bounds, value)] += 1
        series.total += value

    def lines(self) -> Iterable[str]:
        """Return the family's lines."""
        yield from head(self.name, "histogram", self.text)
        for labels, series in self.values.items():
            named = dict(zip(self.labels, labels, strict=True))
            yield from bucket_lines(self.name, named, self.bounds, series.counts, series.total)


def head(name: str, kind: str, text: str) -> Iterable[str]:
    """Return the two lines before a family's samples."""
    return (f"# HELP {name} {text}", f"# TYPE {name} {kind}")


def render(name: str, kind: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> Iterable[str]:
    """Return the lines of a counter or gauge."""
    yield from head(name, kind, text)
    for labels, value in samples:
        yield sample(name, labels, value)


def bucket_lines(
    name: str, labels: Mapping[str, str], bounds: Iterable[float], counts: Iterable[int], total: float
) -> Iterable[str]:
    """Return the lines of one series of a histogram; `counts` are each bucket's own, the lines' are cumulative."""
    sofar = 0
    for bound, count in zip([*map(_number, bounds), "+Inf"], counts, strict=True):
        sofar += count
        yield sample(f"{name}_bucket", {**labels, "le": bound}, sofar)
    yield sample(f"{name}_sum", labels, total)
    yield sample(f"{name}_count", labels, sofar)


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    """Return one line."""
    inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
