"""The same search load on the deployment and on the embedded stack."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cli.evaluation import evaluation_key
from cli.server import Server
from deploy.compose.check import ROOT
from tests.compose.project import free_ports

LOADS = {
    "20 users who pause 1 s, 30 s": ["--clients", "20", "--pause", "1", "--duration", "30"],
    "8 in flight, 20 s": ["--clients", "8", "--pause", "0", "--duration", "20"],
}


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def load(url: str, key: str, certificate: Path | None) -> dict[str, Any]:
    """Return the summaries of the load generator for each kind of load."""
    variables = os.environ | ({"SSL_CERT_FILE": str(certificate)} if certificate else {})
    found = {}
    with Server(url, key) as server, evaluation_key(server, "sample") as temporary:
        for name, arguments in LOADS.items():
            command = [sys.executable, "-m", "bench.load", "--url", url, "--collection", "sample", *arguments]
            done = subprocess.run(command, env=variables | {"RESEARCH_KB_API_KEY": temporary}, cwd=ROOT, check=True,
                                  capture_output=True, text=True, timeout=900)  # fmt: skip
            found[name] = json.loads(done.stdout)
            say(f"load at {url}, {name}: {found[name]}")
    return found


def load_embedded(folder: Path) -> dict[str, Any]:
    """The same load on the embedded stack, alone on the machine."""
    variables = os.environ | {"RESEARCH_KB_HOME": str(folder / "home"), "PORT": str(free_ports(1)[0])}
    subprocess.run([sys.executable, "-m", "local.commands", "up", "--detach"], env=variables, cwd=ROOT, check=True)
    try:
        record = json.loads((folder / "home" / "run" / "stack.json").read_text())
        key = (folder / "home" / "api-key").read_text().strip()
        return load(record["addresses"]["RESEARCH_KB_URL"], key, None)
    finally:
        subprocess.run([sys.executable, "-m", "local.commands", "down"], env=variables, cwd=ROOT, check=True)
