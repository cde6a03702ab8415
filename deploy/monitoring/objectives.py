"""Recording rules of the two objectives, and their multi-window burn-rate alerts.

Windows and factors are those of the Site Reliability Workbook, chapter 5: 2 % of a 30-day budget within an hour, 5 %
within six hours, 10 % within a day, and 10 % within three days; but for its shortest window, of five minutes. On
Knative the sums may move once in ten minutes only, with the sweep: between two steps a shorter window sees nothing.
"""

from dataclasses import dataclass
from typing import Any

WINDOWS = ("15m", "30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True, slots=True)
class Burn:
    """Alert when the budget burns `factor` times too fast over both windows; the short one ends the alert soon."""

    long: str
    short: str
    factor: float
    severity: str
    wait: str


BURNS = (
    Burn("1h", "15m", 14.4, "page", "2m"),
    Burn("6h", "30m", 6.0, "page", "5m"),
    Burn("1d", "2h", 3.0, "ticket", "30m"),
    Burn("3d", "6h", 1.0, "ticket", "1h"),
)


@dataclass(frozen=True, slots=True)
class Objective:
    """`bad` and `all` are PromQL with WINDOW in the place of a range; `budget` is the share that may be bad."""

    alert: str
    series: str
    bad: str
    all: str
    budget: float
    least_bad: int
    summary: str
    runbook: str

    def recordings(self) -> list[dict[str, Any]]:
        """Return the ratio of bad to all, over each window."""
        ratio = f"({self.bad}) / ({self.all} > 0)"
        return [
            {"record": f"{self.series}:ratio{window}", "expr": ratio.replace("WINDOW", window)} for window in WINDOWS
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """Return one alert a burn rate. A handful of requests on a quiet day wakes nobody: see `least_bad`."""
        return [self._alert(burn) for burn in BURNS]

    def _alert(self, burn: Burn) -> dict[str, Any]:
        bound = f"{burn.factor * self.budget:g}"
        enough = self.bad.replace("rate(", "increase(").replace("WINDOW", burn.long)
        return {
            "alert": self.alert,
            "expr": (
                f"{self.series}:ratio{burn.long} > {bound} and {self.series}:ratio{burn.short} > {bound} "
                f"and ({enough}) >= {self.least_bad}"
            ),
            "for": burn.wait,
            "labels": {"severity": burn.severity, "window": burn.long},
            "annotations": {
                "summary": self.summary,
                "description": f"The error budget burns {burn.factor:g} times too fast over {burn.long}.",
                "runbook_url": self.runbook,
            },
        }
