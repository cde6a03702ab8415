"""The guard and the orphans: nothing survives the supervisor."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from local.guarding import GUARD

SHARED_MEMORY = Path("/dev/shm")


def start_guard() -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-I", "-S", str(GUARD)], stdin=subprocess.PIPE, text=True)


def test_when_its_input_ends_the_guard_ends_what_was_started() -> None:
    """That is what a killed supervisor looks like: each part gets its own signal."""
    part = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    guard = start_guard()
    # Not SIGINT: a shell's background jobs ignore it, and hand that on.
    guard.communicate(f"start {part.pid} {int(signal.SIGUSR1)} 1\n", timeout=20)
    assert part.wait(5) == -signal.SIGUSR1


def test_a_dismissed_guard_touches_nothing() -> None:
    """An orderly end is the supervisor's own."""
    part = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    start_guard().communicate(f"start {part.pid} 15 1\nbye\n", timeout=5)
    assert part.poll() is None
    part.kill()
    part.wait()


def test_what_is_gone_is_not_signalled() -> None:
    """Its pid may belong to somebody else by now."""
    part = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    start_guard().communicate(f"start {part.pid} 15 1\ngone {part.pid}\n", timeout=5)
    assert part.poll() is None
    part.kill()
    part.wait()


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="no /dev/shm on this system")
def test_segments_with_the_prefix_are_removed_and_no_others() -> None:
    """Two stacks on one machine never touch each other's shared memory."""
    own, other = f"rkb_test{uuid.uuid4().hex}_", f"rkb_test{uuid.uuid4().hex}_"
    for prefix in (own, other):
        (SHARED_MEMORY / f"{prefix}1").touch()
    start_guard().communicate(f"sweep {own}\n", timeout=5)
    assert not (SHARED_MEMORY / f"{own}1").exists()
    (SHARED_MEMORY / f"{other}1").unlink()


ORPHANS = """
import subprocess, sys, time
from local.orphans import adopt_orphans, end_orphans
adopt_orphans()
# A leader that starts a grandchild in a session of its own, tells its pid, and is killed.
leader = subprocess.Popen(
    [sys.executable, "-c", "import subprocess; p = subprocess.Popen(['sleep', '60'], start_new_session=True);"
     "print(p.pid, flush=True); p.wait()"],
    stdout=subprocess.PIPE, start_new_session=True)
pid = int(leader.stdout.readline())
helper = subprocess.Popen(["sleep", "60"])
leader.kill(); leader.wait()
print(end_orphans({leader.pid}), pid, helper.poll())
helper.kill()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_orphans_of_a_killed_part_are_ended_and_helpers_are_not() -> None:
    """Postgres' backends and extraction workers have sessions of their own, which no group signal reaches."""
    done = subprocess.run([sys.executable, "-c", ORPHANS], capture_output=True, text=True, check=True, timeout=20)
    ended, pid, helper = done.stdout.split()
    assert (ended, helper) == ("1", "None")
    time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
