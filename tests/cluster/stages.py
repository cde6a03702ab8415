"""Where a start from zero spends its time, by a watch of the pods and, where the node is this machine, its processes.

A pod's marks are moments in Unix seconds: `created`, `scheduled` and `addressed` (its address is known, so that the
activator can ask it) when the API server's watch told of them; `sandbox`, `queue_proxy` and `function` when those
processes were started (the kernel's clock ticks, 10 ms).
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.kube import NAMESPACE, Cluster

# What runs in a pod of a Knative Service, by the program's path; the third is the function itself.
PROGRAMS = {"/pause": "sandbox", "/ko-app/queue": "queue_proxy"}
STAGES = (
    ("autoscaler", "sent", "created"),
    ("scheduler", "created", "scheduled"),
    ("sandbox", "scheduled", "sandbox"),
    ("containers", "sandbox", "function"),
    ("function", "function", "answered"),
    ("address", "function", "addressed"),
)
"""Name of a stage, the mark that begins and the one that ends it; the last is a part of the one before."""


@dataclass
class PodWatch:
    """The pods that a watch has told of: uid -> service and marks."""

    services: dict[str, str] = field(default_factory=dict)
    marks: dict[str, dict[str, float]] = field(default_factory=dict)

    def take(self, pod: dict[str, Any], moment: float) -> None:
        """Note what a pod's event tells for the first time."""
        uid = pod["metadata"]["uid"]
        self.services[uid] = pod["metadata"]["labels"].get("serving.knative.dev/service", "")
        marks = self.marks.setdefault(uid, {"created": moment})
        if pod["spec"].get("nodeName"):
            marks.setdefault("scheduled", moment)
        if pod.get("status", {}).get("podIP"):
            marks.setdefault("addressed", moment)

    def stages(self, service: str, sent: float, answered: float) -> dict[str, float]:
        """Return stage -> seconds of the pod that was made for a request; fewer where processes cannot be seen."""
        found = [uid for uid, name in self.services.items() if name == service and self.marks[uid]["created"] > sent]
        if not found:
            return {}
        uid = min(found, key=lambda each: self.marks[each]["created"])
        marks = self.marks[uid] | process_starts(uid) | {"sent": sent, "answered": answered}
        known = [stage for stage in STAGES if {stage[1], stage[2]} <= marks.keys()]
        return {name: round(marks[end] - marks[begin], 3) for name, begin, end in known}


@contextmanager
def watching(cluster: Cluster) -> Iterator[PodWatch]:
    """Watch the pods of all Knative Services while entered."""
    watch = PodWatch()
    command = [*cluster.kubectl, "-n", NAMESPACE, "get", "pods", "-l", "serving.knative.dev/service"]
    command += ["--watch-only", "--output-watch-events", "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        threading.Thread(target=_read, args=(process, watch), daemon=True).start()
        try:
            yield watch
        finally:
            process.terminate()


def _read(process: "subprocess.Popen[str]", watch: PodWatch) -> None:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        try:
            event = json.loads(text)
        except json.JSONDecodeError:
            continue  # a kubectl that prints an event on several lines
        watch.take(event["object"], time.time())
        text = ""


def process_starts(uid: str) -> dict[str, float]:
    """Return when each kind of process of a pod was started; nothing where the node is another machine."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    found: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if uid not in (folder / "cgroup").read_text().replace("_", "-"):
                continue
            program = (folder / "cmdline").read_bytes().split(b"\0")[0].decode()
            ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
        except OSError:  # it ended meanwhile
            continue
        kind = PROGRAMS.get(program, "function")
        moment = booted + ticks / os.sysconf("SC_CLK_TCK")
        found[kind] = min(moment, found.get(kind, moment))
    return found
