"""up, down, status, logs: what `make` and `research-kb` call.

`python -m local.commands up [--detach] | down | status [--json] | logs [-f]`. Each returns an exit status.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local.first_run import finish_first_run
from local.journal import Follower, format_line, read_last
from local.leftovers import end_leftovers
from local.preflight import make_home
from local.record import READY, STOPPED, StackRecord, read_record, write_record
from local.report import describe, render
from local.settings import REPOSITORY, StackError, StackSettings, read_settings

# The first start on a slow machine builds models and loads the jars.
START_TIMEOUT_S = 600.0
# Postgres may flush for 30 s, after the functions had their 15.
STOP_TIMEOUT_S = 60.0
POLL_S = 0.1
LAST_LINES = 40


def up(detach: bool = False) -> int:
    """Start the stack of this environment; detached returns when it is ready, else serves until Ctrl-C."""
    try:
        settings = read_settings()
        record = read_record(settings)
        if record and record.is_live():
            return _join(settings, record)
        if not detach:
            # In place of this program: the parent of the stack should not carry what a command line imports.
            os.chdir(REPOSITORY)
            os.execv(sys.executable, [sys.executable, "-m", "local.foreground"])  # noqa: S606 - our own interpreter
        return _start_detached(settings)
    except StackError as error:
        return _fail(error)


def down() -> int:
    """End the stack of this environment, and nothing else. 0 also when there is none."""
    try:
        settings = read_settings()
        record = read_record(settings)
        if record is None or record.state == STOPPED:
            print(f"no stack runs in {settings.home}")
            return 0
        return _end(settings, record)
    except StackError as error:
        return _fail(error)


def status(as_json: bool = False) -> int:
    """Print the parts with processes, ports and memory; 0 when all is ready, 3 when nothing runs, else 1."""
    try:
        settings = read_settings()
    except StackError as error:
        return _fail(error)
    report = describe(settings, read_record(settings))
    print(json.dumps(report, indent=2) if as_json else render(report, colour=sys.stdout.isatty()))
    if report["state"] == STOPPED:
        return 3
    return 0 if report["state"] == READY else 1


def logs(follow: bool = False) -> int:
    """Print the last lines of each part; with follow also what comes, until Ctrl-C."""
    try:
        settings = read_settings()
    except StackError as error:
        return _fail(error)
    colour = sys.stdout.isatty()
    follower = Follower(settings.logs)
    for name, line in read_last(settings.logs, LAST_LINES):
        print(format_line(name, line, colour))
    try:
        for name, line in follower.follow() if follow else ():
            print(format_line(name, line, colour), flush=True)
    except KeyboardInterrupt:
        return 0
    return 0


def _join(settings: StackSettings, record: StackRecord) -> int:
    """The stack is already up, or on its way: wait for it, do what is still to do."""
    if record.port != settings.port:
        raise StackError(
            f"A stack already runs in {settings.home}, on port {record.port} instead of {settings.port}. Use "
            f"PORT={record.port}, or end it first (`make down`), or set RESEARCH_KB_HOME to another folder."
        )
    print(f"already up in {settings.home} (supervisor pid {record.supervisor.pid if record.supervisor else '?'})")
    _wait_until_ready(settings, None)
    return _finish(settings)


def _start_detached(settings: StackSettings) -> int:
    make_home(settings)
    failure = settings.run / f"failure-{os.getpid()}"
    with (settings.logs / "stack.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.foreground", "--detached", str(failure)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    # Ended while it waits, this program ends what it began.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _wait_until_ready(settings, process)
        return _finish(settings)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        process.wait()
        return 130
    except StackError as error:
        return _fail(_reason(failure) or error)
    finally:
        failure.unlink(missing_ok=True)


def _finish(settings: StackSettings) -> int:
    record = read_record(settings)
    asyncio.run(finish_first_run(settings, record.addresses if record else {}))
    return 0


def _wait_until_ready(settings: StackSettings, process: subprocess.Popen[bytes] | None) -> None:
    """Wait for the record to say ready. process: the supervisor if it is our child. Raises StackError."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        record = read_record(settings)
        ours = record and record.supervisor and (process is None or record.supervisor.pid == process.pid)
        if record and ours and record.state == READY:
            return
        ended = process.poll() is not None if process else not (record and record.is_live())
        if ended:
            raise StackError(f"The stack ended before it was ready; {settings.logs / 'stack.log'} says why.")
        if time.monotonic() > deadline:
            raise StackError(f"The stack was not ready within {START_TIMEOUT_S:.0f} s; `make logs` shows its parts.")
        time.sleep(POLL_S)


def _reason(failure: Path) -> StackError | None:
    return StackError(failure.read_text().strip()) if failure.exists() else None


def _end(settings: StackSettings, record: StackRecord) -> int:
    supervisor = record.supervisor
    if supervisor and supervisor.is_alive():
        supervisor.send(signal.SIGTERM)
        if not supervisor.wait(STOP_TIMEOUT_S):
            # The guard then ends what is left.
            supervisor.send(signal.SIGKILL)
            supervisor.wait(POLL_S * 50)
    ended = end_leftovers(settings, read_record(settings))
    after = read_record(settings)
    if after:
        after.state = STOPPED
        write_record(settings, after)
    print(f"stopped the stack in {settings.home}" + (f" ({ended} processes had lost their parent)" if ended else ""))
    return 0


def _fail(error: StackError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1


def main() -> int:
    """Parse the command line and run the command."""
    parser = argparse.ArgumentParser(prog="python -m local.commands", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up").add_argument("--detach", action="store_true")
    commands.add_parser("down")
    commands.add_parser("status").add_argument("--json", action="store_true", dest="as_json")
    commands.add_parser("logs").add_argument("-f", "--follow", action="store_true")
    arguments = vars(parser.parse_args())
    command = {"up": up, "down": down, "status": status, "logs": logs}[arguments.pop("command")]
    return command(**arguments)


if __name__ == "__main__":
    sys.exit(main())
