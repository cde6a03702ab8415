"""Runs inside an image: start its program, wait for the first 200 on /ready; `python - NAME < image_start.py`.

Prints seconds and resident MiB as JSON. Standard library only.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

GIVE_UP_AFTER_S = 120.0


def command(name: str) -> list[str]:
    """Return what the image's entry point runs."""
    program = ["uvicorn", "bench.bare:app", "--port", "8080", "--log-level", "warning", "--no-access-log"]
    return [sys.executable, "-m", *(program if name == "bare" else ["functions"])]


def is_ready() -> bool:
    """Return whether GET /ready answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", 8080), timeout=5) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def main() -> None:
    """Start, wait, tell, end."""
    began = time.perf_counter()
    with subprocess.Popen(command(sys.argv[1]), env=dict(os.environ)) as process:
        while not is_ready():
            if process.poll() is not None or time.perf_counter() - began > GIVE_UP_AFTER_S:
                raise SystemExit("it did not become ready")
            time.sleep(0.002)
        seconds = time.perf_counter() - began
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        process.kill()
    print(json.dumps({"seconds": seconds, "rss_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20}))


main()
