"""One Compose project of the test's own: brought up, looked at, disturbed, taken down with its volumes."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.compose.check import FILE, ROOT, compose_command
from deploy.compose.secrets import make_secrets

OVERRIDE = ROOT / "tests" / "compose" / "override.yml"
CERTIFICATE = "/data/caddy/pki/authorities/local/root.crt"
# Nothing here is an expectation: a machine may be busy with other things.
GIVE_UP_S = 900.0
COMMAND_TIMEOUT_S = 900.0
PAUSE_S = 1.0
SETTLE_S = 10.0


class ProdTestFailed(Exception):
    """The deployment did not do what it should; the message says what."""


@dataclass(frozen=True)
class Project:
    """A project on free ports of 127.0.0.1, with secrets of its own in `folder`."""

    name: str
    folder: Path
    port: int
    prometheus_port: int
    stand_ins: bool

    @property
    def url(self) -> str:
        """Return the public address."""
        return f"https://localhost:{self.port}"

    @property
    def key(self) -> str:
        """Return the first key."""
        return (self.folder / "secrets" / "api_key").read_text().strip()

    @property
    def certificate(self) -> Path:
        """Return the certificate of the authority that Caddy made for localhost."""
        return self.folder / "root.crt"

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run Compose on this project; return what it printed to standard output. Raises ProdTestFailed."""
        files = [FILE, OVERRIDE] if self.stand_ins else [FILE]
        command = [*compose_command(), "-p", self.name, "--env-file", str(self.folder / "env")]
        command += [part for path in files for part in ("-f", str(path))]
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, timeout=COMMAND_TIMEOUT_S
        )
        if check and done.returncode:
            raise ProdTestFailed(f"compose {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return service -> what `ps` says of its container (ID, State, Health, ExitCode)."""
        text = self.compose("ps", "--all", "--format", "json").strip()
        rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
        return {row["Service"]: row for row in rows}

    def wait(self, services: Sequence[str] = ()) -> None:
        """Wait until `services` (all unless given) are healthy, or have ended well. Raises ProdTestFailed."""
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            found = self.containers()
            unready = {
                name: f"{row['State']} {row.get('Health', '')} {row.get('ExitCode', '')}"
                for name, row in found.items()
                if (not services or name in services) and not _is_well(row)
            }
            if not unready and set(services) <= found.keys():
                return
            if time.monotonic() > deadline:
                logs = "\n".join(self.compose("logs", "--tail", "20", name, check=False) for name in unready)
                raise ProdTestFailed(f"not ready after {GIVE_UP_S:.0f} s: {unready}\n{logs}")
            time.sleep(PAUSE_S)

    def up(self) -> None:
        """Start everything and wait for it."""
        self.compose("up", "--detach", "--quiet-pull")
        self.wait()
        self.compose("cp", f"caddy:{CERTIFICATE}", str(self.certificate))

    def kill(self, service: str) -> None:
        """End a service's first process with SIGKILL, as the kernel does when memory runs out."""
        identity = self.compose("ps", "--quiet", service).strip()
        inspect = ["docker", "inspect", "-f", "{{.State.Pid}}", identity]
        done = subprocess.run(inspect, capture_output=True, text=True, check=True, timeout=60)
        os.kill(int(done.stdout), signal.SIGKILL)

    def down(self) -> None:
        """Take everything down, volumes included; once more where the engine was not done with a network."""
        command = ["--profile", "*", "down", "--volumes", "--timeout", "30", "--remove-orphans"]
        try:
            self.compose(*command)
        except ProdTestFailed:
            time.sleep(SETTLE_S)
            self.compose(*command)

    def speaks_http2(self) -> bool:
        """Return whether TLS is agreed on with the authority's certificate, and HTTP/2 inside it."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=30) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as wrapped,
        ):
            return wrapped.selected_alpn_protocol() == "h2"


def create(folder: Path, tag: str, stand_ins: bool, collected: bool) -> Project:
    """Return a project that is not up yet, its secrets and variables written to `folder`."""
    ports = free_ports(4)
    make_secrets(folder / "secrets")
    variables = {
        "RESEARCH_KB_HOST": "localhost",
        "LISTEN": "127.0.0.1",
        "HTTPS_PORT": ports[0],
        "HTTP_PORT": ports[1],
        "PROMETHEUS_PORT": ports[2],
        "GRAFANA_PORT": ports[3],
        "COMPOSE_PROFILES": "cpu,collector" if collected else "cpu",
        "RESEARCH_KB_VERSION": tag,
        "RESEARCH_KB_SECRETS": folder / "secrets",
    }
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return Project(f"research-kb-test-{os.getpid()}", folder, ports[0], ports[2], stand_ins)


def _is_well(row: dict[str, Any]) -> bool:
    if row["State"] == "exited":
        return row.get("ExitCode") == 0
    return row["State"] == "running" and row.get("Health") in {"healthy", ""}


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
