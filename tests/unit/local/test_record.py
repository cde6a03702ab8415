"""run/stack.json and the identities in it."""

import os
import subprocess
from pathlib import Path

from local.identity import Identity, identify
from local.leftovers import end_leftovers
from local.record import PartRecord, StackRecord, read_record, record_path, write_record
from local.settings import StackSettings


def make_settings(home: Path) -> StackSettings:
    return StackSettings(home=home)


def test_a_record_reads_back_as_written_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """It holds the database's password."""
    settings = make_settings(tmp_path)
    record = StackRecord(port=8000, listen="127.0.0.1", supervisor=identify(os.getpid()), ports={"internal": 20001})
    record.parts["kafka"] = PartRecord(state="ready", pid=1, started="2", ports={"broker": 20002}, restarts=3)
    write_record(settings, record)
    assert read_record(settings) == record
    assert record_path(settings).stat().st_mode & 0o777 == 0o600


def test_no_record_and_a_broken_one_are_none(tmp_path: Path) -> None:
    """Neither stops a start."""
    settings = make_settings(tmp_path)
    assert read_record(settings) is None
    record_path(settings).parent.mkdir()
    record_path(settings).write_text('{"port": 8000')
    assert read_record(settings) is None


def test_a_pid_used_again_is_another_process() -> None:
    """Nothing that merely inherited a number is ever signalled."""
    mine = identify(os.getpid())
    assert mine is not None
    assert mine.is_alive()
    assert not Identity(mine.pid, mine.started + "0").is_alive()


def test_a_dead_but_unreaped_process_is_not_alive() -> None:
    """Waiting for its end must not last until somebody reaps it."""
    process = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identify(process.pid) is None
    process.wait()


def test_leftovers_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    """A process of the record dies; one that only has the pid of a part lives."""
    settings = make_settings(tmp_path)
    ours = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    stranger = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    identity = identify(ours.pid)
    assert identity is not None
    record = StackRecord(port=8000, listen="127.0.0.1")
    record.parts["kafka"] = PartRecord(pid=ours.pid, started=identity.started)
    record.parts["bridge"] = PartRecord(pid=stranger.pid, started="1")
    try:
        assert end_leftovers(settings, record) == 1
        assert ours.wait(5) != 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
