"""What runs outside of the cluster, on the node's address: the embedded stack's stateful parts and an object store."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.parts import Blueprint, Part
from local.ports import is_free
from local.settings import REPOSITORY, StackError, StackSettings

# The numbers that knative/overlays/lab/outside.yaml leads to; the others are this machine's own affair.
PORTS = {"postgres": 15432, "kafka": 19092, "triton": 18000, "objects": 19000}
OWN_PORTS = {"kafka_controller": 19093, "triton_grpc": 18001, "triton_metrics": 18002}
OWN_PORTS |= {"internal": 18080, "bridge": 18081}  # named by the blueprint, used by nobody here
BUCKET = "research-kb"
END_S = 40.0


@contextmanager
def stateful_parts(home: Path, address: str) -> Iterator[dict[str, str]]:
    """Run Postgres, Kafka, Triton and an S3 server on `address`; give their addresses, end them afterwards.

    Raises: StackError when one cannot be started, or a port is taken.
    """
    settings = StackSettings(home=home, port=18079, listen=address)
    for name, port in (PORTS | OWN_PORTS).items():
        if not is_free(address, port):
            raise StackError(f"{address}:{port} ({name}) is taken: end what listens there")
    settings.logs.mkdir(parents=True, exist_ok=True)
    blueprint = Blueprint(settings, PORTS | OWN_PORTS)
    blueprint.describe_surroundings()
    with contextlib.ExitStack() as stack:
        for part in blueprint.stateful():
            stack.enter_context(_running(part, settings, blueprint.environment))
        stack.enter_context(_object_store(settings, address))
        blueprint.register_model()
        yield dict(blueprint.environment)


@contextmanager
def _running(part: Part, settings: StackSettings, environment: dict[str, str]) -> Iterator[None]:
    command = part.prepare()
    with (settings.logs / f"{part.name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=os.environ | environment | part.variables(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(part, process)
        part.settle()
        yield
    finally:
        _end(process, part.stop_signal)
        part.sweep()


def _await(part: Part, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 3 * part.ready_timeout_s  # a machine that builds images at the same time is slow
    while not part.is_ready():
        if process.poll() is not None:
            raise StackError(f"{part.name} ended with {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise StackError(f"{part.name} is not ready")
        time.sleep(0.2)


def _end(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    process.send_signal(number)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _object_store(settings: StackSettings, address: str) -> Iterator[None]:
    """moto's S3 server: its objects are in memory, which is enough for a test."""
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", address, "-p", str(PORTS["objects"])]
    with (settings.logs / "objects.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _make_bucket(f"http://{address}:{PORTS['objects']}/{BUCKET}", process)
        yield
    finally:
        _end(process, signal.SIGTERM)


def _make_bucket(url: str, process: "subprocess.Popen[bytes]") -> None:
    request = urllib.request.Request(url, method="PUT")
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(request, timeout=10).close()
            return
        except OSError as exc:
            if process.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"the object store did not start: {exc}") from exc
            time.sleep(0.2)
