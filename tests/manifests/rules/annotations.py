"""Autoscaling annotations: where they belong, which there are, and what they may say."""

import re
from collections.abc import Callable

from tests.manifests.objects import Objects, annotations, functions, title

PREFIX = "autoscaling.knative.dev/"


def _number(low: float, high: float, *, whole: bool = True) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        if not re.fullmatch(r"\d+" if whole else r"\d+(\.\d+)?", text):
            return False
        return low <= float(text) <= high

    return fits


def _seconds(low: int, high: int) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
        if not text or match is None:
            return False
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return low <= hours * 3600 + minutes * 60 + seconds <= high

    return fits


ALLOWED: dict[str, Callable[[str], bool]] = {
    "class": {"kpa.autoscaling.knative.dev"}.__contains__,  # the only one that scales to zero
    "metric": {"concurrency", "rps"}.__contains__,
    "target": _number(0.01, 1e6, whole=False),
    "target-utilization-percentage": _number(1, 100),
    "min-scale": _number(0, 1000),
    "max-scale": _number(1, 1000),
    "initial-scale": _number(0, 1000),
    "activation-scale": _number(2, 1000),
    "window": _seconds(6, 3600),
    "panic-window-percentage": _number(1, 100, whole=False),
    "panic-threshold-percentage": _number(110, 1000, whole=False),
    "scale-down-delay": _seconds(0, 3600),
    "scale-to-zero-pod-retention-period": _seconds(0, 3600),
    "target-burst-capacity": lambda text: re.fullmatch(r"-1|\d+", text) is not None,
}


def annotation_values(things: Objects) -> list[str]:
    """Each autoscaling annotation is one that Knative knows, a string, within its range, and on the revision."""
    found = []
    for thing in functions(things):
        found += [f"{title(thing)}: {key} belongs on spec.template.metadata"
                  for key in thing["metadata"].get("annotations", {}) if key.startswith(PREFIX)]  # fmt: skip
        for key, value in annotations(thing).items():
            check = ALLOWED.get(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else None
            if key.startswith(PREFIX) and check is None:
                found.append(f"{title(thing)}: there is no annotation {key}")
            elif check is not None and not (isinstance(value, str) and check(value)):
                found.append(f"{title(thing)}: {key} may not be {value!r}")
    return found


def scale_bounds(things: Objects) -> list[str]:
    """Every function has a largest scale, above its smallest; only `metrics` keeps a pod while idle in base."""
    found = []
    for thing in functions(things):
        said = annotations(thing)
        low, high = said.get(f"{PREFIX}min-scale", "0"), said.get(f"{PREFIX}max-scale")
        if high is None:
            found.append(f"{title(thing)}: max-scale is not set, which means without bound")
        elif str(low).isdigit() and str(high).isdigit() and int(low) > int(high):
            found.append(f"{title(thing)}: min-scale {low} is above max-scale {high}")
    return found
