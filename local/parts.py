"""The parts of a stack: how each is prepared, known to be ready, settled and ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from local.kafka import Kafka
from local.postgres import Postgres
from local.settings import REPOSITORY, StackError, StackSettings
from local.triton import Triton, why_standin

PORTS = ("postgres", "kafka", "kafka_controller", "triton", "triton_grpc", "triton_metrics", "internal", "bridge")
# Migrations of a full database may rewrite an index.
STEP_TIMEOUT_S = 600


def _nothing() -> None:
    return


def _no_variables() -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Part:
    """One process. All callables block and run in a thread.

    prepare returns the command; settle runs after each start, when the process is ready; sweep when it is gone.
    """

    name: str
    prepare: Callable[[], list[str]]
    is_ready: Callable[[], bool]
    ports: dict[str, int]
    settle: Callable[[], None] = _nothing
    sweep: Callable[[], None] = _nothing
    variables: Callable[[], dict[str, str]] = _no_variables
    stop_signal: signal.Signals = signal.SIGTERM
    ready_timeout_s: float = 90.0
    stop_timeout_s: float = 15.0
    # Parts of an earlier phase are ended first: they use those of a later one to the last.
    stop_phase: int = 1
    note: str | None = None


@dataclass(frozen=True)
class Blueprint:
    """What one stack consists of: its own stateful parts, then the processes of this project."""

    settings: StackSettings
    ports: dict[str, int]
    # Filled as parts become ready; every program of the stack is started with it.
    environment: dict[str, str] = field(default_factory=dict)

    def describe_surroundings(self) -> None:
        """Put into the environment what is known before anything runs."""
        settings, address = self.settings, self.settings.address
        self.environment.update(
            RESEARCH_KB_HOME=str(settings.home),
            PORT=str(settings.port),
            LISTEN=settings.listen,
            INTERNAL_PORT=str(self.ports["internal"]),
            INTERNAL_URL=f"http://{address(self.ports['internal'])}",
            BRIDGE_PORT=str(self.ports["bridge"]),
            BRIDGE_LISTEN=settings.listen,
            OBJECT_STORE_URL=os.environ.get("OBJECT_STORE_URL") or (settings.home / "objects").as_uri(),
            RESEARCH_KB_URL=f"http://{address(settings.port)}",
            KAFKA_BOOTSTRAP=settings.kafka_bootstrap or address(self.ports["kafka"]),
            TRITON_URL=settings.triton_url or f"http://{address(self.ports['triton'])}",
        )
        if settings.database_url:
            self.environment["DATABASE_URL"] = settings.database_url

    def stateful(self) -> list[Part]:
        """The parts that hold data or models and are not external."""
        settings = self.settings
        parts = []
        if settings.database_url is None:
            parts.append(self._postgres())
        if settings.kafka_bootstrap is None:
            parts.append(self._kafka())
        if settings.triton_url is None:
            parts.append(self._triton())
        return parts

    def external(self) -> dict[str, str]:
        """Name of each external part -> the variable that names it."""
        given = {
            "postgres": ("DATABASE_URL", self.settings.database_url),
            "kafka": ("KAFKA_BOOTSTRAP", self.settings.kafka_bootstrap),
            "triton": ("TRITON_URL", self.settings.triton_url),
        }
        return {name: variable for name, (variable, value) in given.items() if value}

    def settle_external(self, name: str) -> None:
        """What a part of our own gets in its settle: migrations, topics."""
        {"postgres": self.migrate, "kafka": self.make_topics}.get(name, _nothing)()

    def functions(self) -> list[Part]:
        """The two processes of this project."""
        settings, ports = self.settings, self.ports
        gateway = Part(
            "functions",
            prepare=lambda: [sys.executable, "-m", "local.gateway"],
            is_ready=lambda: _answers(settings.connect_host, settings.port, "/ready"),
            ports={"public": settings.port, "internal": ports["internal"]},
            stop_phase=0,
        )
        bridge = Part(
            "bridge",
            prepare=lambda: [sys.executable, "-m", "events.bridge"],
            is_ready=lambda: _answers(settings.connect_host, ports["bridge"], "/live"),
            ports={"metrics": ports["bridge"]},
            stop_timeout_s=25.0,
            stop_phase=0,
        )
        return [gateway, bridge]

    def migrate(self) -> None:
        self.run_step("The database could not be migrated", "shared.migrate")

    def make_topics(self) -> None:
        self.run_step("Kafka's topics could not be made", "local.topics")

    def register_model(self) -> None:
        """Refuse a model server whose model is not the one of the stored vectors."""
        self.run_step("The embedding model was refused", "shared.serving")

    def run_step(self, failure: str, module: str, *arguments: str) -> None:
        """Run a module of this project to its end. Raises StackError with its last words."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=os.environ | self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise StackError(f"{failure}: {' '.join(lines[-3:])}")

    def _postgres(self) -> Part:
        postgres = Postgres(self.settings, self.ports["postgres"])

        def settle() -> None:
            postgres.create_database()
            self.environment["DATABASE_URL"] = postgres.url
            self.migrate()

        return Part(
            "postgres",
            prepare=postgres.prepare,
            is_ready=postgres.is_ready,
            ports={"sql": postgres.port},
            settle=settle,
            # Fast: running statements end, clients are cut off, the data are flushed.
            stop_signal=signal.SIGINT,
            stop_timeout_s=30.0,
        )

    def _kafka(self) -> Part:
        kafka = Kafka(self.settings, self.ports["kafka"], self.ports["kafka_controller"])
        return Part(
            "kafka",
            prepare=kafka.prepare,
            is_ready=lambda: _accepts(self.settings.connect_host, kafka.port),
            ports={"broker": kafka.port, "controller": kafka.controller_port},
            settle=self.make_topics,
        )

    def _triton(self) -> Part:
        triton = Triton(self.settings, self.ports["triton"], self.ports["triton_grpc"], self.ports["triton_metrics"])
        standin = why_standin()
        ports = {"http": triton.port}
        if not standin:
            ports |= {"grpc": triton.grpc_port, "metrics": triton.metrics_port}
        return Part(
            "triton",
            prepare=triton.prepare,
            is_ready=triton.is_ready,
            ports=ports,
            sweep=triton.sweep,
            variables=triton.environment,
            # Warming up three models on a busy core; the first start also builds them.
            ready_timeout_s=180.0,
            note=f"stand-in: {standin}" if standin else None,
        )


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
