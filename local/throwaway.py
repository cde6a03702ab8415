"""A Postgres alone in the foreground, migrated: for tests and for work on the schema."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local.ports import choose_ports
from local.postgres import Postgres
from local.settings import StackError, StackSettings

READY_TIMEOUT_S = 60


def main() -> None:
    """Serve until SIGINT or SIGTERM; prints DATABASE_URL=... when ready."""
    parser = argparse.ArgumentParser(prog="python -m local.postgres", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the data; kept")
    parser.add_argument("--port", type=int, help="default: a free one")
    arguments = parser.parse_args()
    settings = StackSettings(home=arguments.home.resolve())
    port = arguments.port or choose_ports(settings.listen, ["postgres"], {})["postgres"]
    try:
        serve(Postgres(settings, port))
    except StackError as error:
        sys.exit(str(error))


def serve(postgres: Postgres) -> None:
    process = subprocess.Popen(postgres.prepare(), start_new_session=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _wait_until_ready(postgres, process)
        postgres.create_database()
        environment = os.environ | {"DATABASE_URL": postgres.url}
        subprocess.run([sys.executable, "-m", "shared.migrate"], env=environment, check=True)
        print(f"DATABASE_URL={postgres.url}", flush=True)
        process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _wait_until_ready(postgres: Postgres, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not postgres.is_ready():
        if process.poll() is not None:
            raise StackError(f"Postgres ended with {process.returncode} before it was ready; its last lines are above.")
        if time.monotonic() > deadline:
            raise StackError(f"Postgres was not ready within {READY_TIMEOUT_S} s.")
        time.sleep(0.1)
