"""Documents are parsed in processes of their own, within limits, and none hurts another."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from functions.extract.failures import ExtractionFailed, ExtractorUnavailable
from functions.extract.limits import Limits
from functions.extract.sandbox import Sandbox
from tests.malformed import pdfs


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = Sandbox(workers=1)
    yield opened
    await opened.close()


def worker_of(sandbox: Sandbox) -> int:
    """Return the process id of the one idle worker."""
    [worker] = sandbox._idle
    return worker.pid


def environment_of(pid: int) -> dict[str, str]:
    """Return the variables that a process was started with."""
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


async def test_bytes_and_files_are_parsed_alike(sandbox: Sandbox, tmp_path: Path) -> None:
    """A document gives the same result from memory and from a file."""
    path = tmp_path / "a.pdf"
    path.write_bytes(pdfs.good())
    from_file = await sandbox.extract(path, "application/pdf", "a.pdf", Limits())
    assert from_file == await sandbox.extract(pdfs.good(), "application/pdf", "a.pdf", Limits())
    assert from_file.pages == 3


async def test_a_warm_worker_serves_many_documents(sandbox: Sandbox) -> None:
    """Failures in between do not cost the worker, and a document more takes well under a second."""
    await sandbox.extract(b"# Title\n\nText.", "text/markdown", None, Limits())
    first = worker_of(sandbox)
    started = time.perf_counter()
    for _ in range(10):
        with pytest.raises(ExtractionFailed):
            await sandbox.extract(b"%PDF-1.4 broken", "application/pdf", None, Limits())
        await sandbox.extract(b"# Title\n\nText.", "text/markdown", None, Limits())
    assert worker_of(sandbox) == first
    assert time.perf_counter() - started < 10


async def test_too_much_time_is_too_slow(sandbox: Sandbox) -> None:
    """A document that takes longer than it may is given up, and the next is served."""
    slow = b"<html>" + b"<div>" * 200_000
    started = time.perf_counter()
    with pytest.raises(ExtractionFailed) as caught:
        await sandbox.extract(slow, "text/html", None, Limits(wall_s=1.0))
    assert caught.value.slug == "too-slow"
    assert time.perf_counter() - started < 5
    assert (await sandbox.extract(b"Text.", "text/plain", None, Limits())).text == "Text."


async def test_too_much_memory_is_too_large(sandbox: Sandbox) -> None:
    """A document that needs more memory than it may is refused, and the next is served."""
    bomb = pdfs.deflate_bomb(1 << 30)
    with pytest.raises(ExtractionFailed) as caught:
        await sandbox.extract(bomb, "application/pdf", None, Limits(memory_bytes=256 * 1024 * 1024))
    assert caught.value.slug in {"too-large", "corrupt-document", "empty-document"}
    assert (await sandbox.extract(b"Text.", "text/plain", None, Limits())).text == "Text."


async def test_too_many_bytes_are_refused_at_once(sandbox: Sandbox) -> None:
    """A body over the limit never reaches a process."""
    with pytest.raises(ExtractionFailed) as caught:
        await sandbox.extract(b"x" * 1001, "text/plain", None, Limits(body_bytes=1000))
    assert caught.value.slug == "too-large"


async def test_a_killed_worker_is_replaced(sandbox: Sandbox) -> None:
    """A worker that is killed while idle is replaced unnoticed; while at work, the caller may try again."""
    await sandbox.extract(b"Text.", "text/plain", None, Limits())
    os.kill(worker_of(sandbox), signal.SIGKILL)
    await asyncio.sleep(0.1)
    await sandbox.extract(b"Text.", "text/plain", None, Limits())
    pid = worker_of(sandbox)
    slow = asyncio.create_task(sandbox.extract(b"<html>" + b"<div>" * 200_000, "text/html", None, Limits(wall_s=20)))
    await asyncio.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ExtractorUnavailable):
        await slow
    assert (await sandbox.extract(b"Text.", "text/plain", None, Limits())).text == "Text."


async def test_a_cancelled_caller_leaves_no_process(sandbox: Sandbox) -> None:
    """Cancelling ends the worker with its child, and the slot is free again."""
    await sandbox.extract(b"Text.", "text/plain", None, Limits())
    pid = worker_of(sandbox)
    slow = asyncio.create_task(sandbox.extract(b"<html>" + b"<div>" * 200_000, "text/html", None, Limits()))
    await asyncio.sleep(0.3)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    assert (await sandbox.extract(b"Text.", "text/plain", None, Limits())).text == "Text."


async def test_idle_workers_are_let_go() -> None:
    """After a while without documents no process is left."""
    sandbox = Sandbox(workers=1, idle_s=0.1)
    await sandbox.extract(b"Text.", "text/plain", None, Limits())
    pid = worker_of(sandbox)
    await asyncio.sleep(0.6)
    assert not sandbox._idle
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await sandbox.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a process's environment is read in /proc")
async def test_a_worker_gets_its_library_path_and_no_secret(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the interpreter needs to start reaches it; credentials and addresses do not."""
    kept = {"LD_LIBRARY_PATH": "/var/lang/lib", "LC_ALL": "C.UTF-8"}
    secret = dict.fromkeys(["DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SENTRY_DSN"], "s3cret")
    for name, value in (kept | secret).items():
        monkeypatch.setenv(name, value)
    await sandbox.extract(b"Text.", "text/plain", None, Limits())
    found = environment_of(worker_of(sandbox))
    assert found.items() >= kept.items()
    assert found.keys() <= {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL"}
