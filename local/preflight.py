"""What is checked before anything is started, so that the answer is a sentence and not a stack trace."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from local.ports import is_free
from local.record import read_record
from local.settings import StackError, StackSettings

# Models 180 MB, an empty cluster 110 MB with its log, Kafka's index files, jars 42 MB, the sample: and room to work.
FIRST_START_BYTES = 1_500_000_000
# Postgres writes up to 2 GB of log between checkpoints, but with less than this it cannot even recover.
LATER_START_BYTES = 300_000_000


def make_home(settings: StackSettings) -> None:
    """Make the home and its folders. Raises StackError where this user may not."""
    try:
        for folder in (settings.home, settings.run, settings.logs):
            folder.mkdir(parents=True, exist_ok=True)
        settings.run.chmod(0o700)
    except OSError as error:
        raise StackError(
            f"{settings.home} cannot be made or written ({error.strerror}). Set RESEARCH_KB_HOME to a folder "
            "that is yours."
        ) from error


def take_lock(settings: StackSettings) -> int:
    """Lock the home for the life of this process; returns the descriptor.

    Raises StackError when a stack lives there.
    """
    descriptor = os.open(settings.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        record = read_record(settings)
        where = f" on port {record.port}" if record else ""
        raise StackError(
            f"A stack already runs in {settings.home}{where}. `make status` shows it and `make down` ends it; for a "
            "second one set RESEARCH_KB_HOME and PORT to others."
        ) from error
    return descriptor


def check_space(settings: StackSettings) -> None:
    """Raise StackError when the disk of the home has too little room for what is about to be written."""
    needed = LATER_START_BYTES if (settings.home / "postgres" / "data").exists() else FIRST_START_BYTES
    free = shutil.disk_usage(_existing(settings.home)).free
    if free < needed:
        raise StackError(
            f"The disk of {settings.home} has {free / 1e6:.0f} MB free, and {needed / 1e6:.0f} MB are needed. Make "
            "room, or set RESEARCH_KB_HOME to a folder on another disk."
        )


def check_address(settings: StackSettings) -> None:
    """Raise StackError when LISTEN is no address of this machine or PORT on it is taken."""
    try:
        free = is_free(settings.listen, settings.port)
    except OSError as error:
        raise StackError(
            f"LISTEN={settings.listen} is not an address of this machine ({error.strerror}). Leave it unset "
            "for 127.0.0.1."
        ) from error
    if not free:
        raise StackError(
            f"Port {settings.port} on {settings.listen} is taken{_taker(settings.port)}. Set PORT to another (for "
            f"instance PORT={settings.port + 1}), or end what listens there."
        )


def _taker(port: int) -> str:
    """' by NAME (pid N)' where this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return " (or below 1024, which only root may use)" if port < 1024 else ""


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
