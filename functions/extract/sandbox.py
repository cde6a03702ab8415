"""Extraction in processes of their own, so that no document can hurt the service or another document."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from functions.extract.document import Extracted
from functions.extract.failures import ExtractionFailed, ExtractorUnavailable, failure
from functions.extract.limits import Limits

__all__ = ["ExtractionFailed", "ExtractorUnavailable", "Limits", "Sandbox", "close", "extract"]

_FRAME: Final = 4
# The worker ends a child by itself; this is for a worker that cannot.
_GRACE_S: Final = 10.0
# A worker asked to end does so at once, unless the machine is in trouble.
_END_S: Final = 3.0
# What an interpreter needs to start and to find its modules (in AWS Lambda's images its own library lies where
# LD_LIBRARY_PATH says). Nothing else: a document must find no secret.
_KEPT: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
# A worker's imports take some 40 MB; after this long without work it is let go.
_IDLE_S: Final = 120.0


class _Worker:
    """One running `functions.extract.worker`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a worker is spoken to through pipes")
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout

    @classmethod
    async def start(cls) -> "_Worker":
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "functions.extract.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env=kept,
            start_new_session=True,  # so that its children can be ended with it
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, request: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Send one document, return the answer. Raises: OSError, IncompleteReadError when the worker is gone."""
        head = json.dumps({**request, "body_bytes": len(body)}).encode()
        self._requests.write(len(head).to_bytes(_FRAME) + head)
        self._requests.write(body)
        await self._requests.drain()
        size = int.from_bytes(await self._answers.readexactly(_FRAME))
        answer: dict[str, Any] = json.loads(await self._answers.readexactly(size))
        return answer

    async def end(self) -> None:
        """End the worker and the child it may have."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        self._requests.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


class Sandbox:
    """A few warm workers, started when needed. Belongs to one event loop."""

    def __init__(self, workers: int = 2, idle_s: float = _IDLE_S) -> None:
        self._slots = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []
        self._idle_s = idle_s
        self._sweep: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def extract(self, body: bytes | Path, media_type: str, filename: str | None, limits: Limits) -> Extracted:
        """Parse one document in a process of its own.

        body: the bytes, or a file to read them from. media_type: what the submitter says it is; the content decides.
        Raises: ExtractionFailed when the document is at fault, ExtractorUnavailable when trying again may help.
        """
        path = body if isinstance(body, Path) else None
        content = b"" if isinstance(body, Path) else body
        size_bytes = await asyncio.to_thread(_size, path) if path else len(content)
        if size_bytes > limits.body_bytes:
            raise failure("too-large", f"It has {size_bytes:,} bytes, {limits.body_bytes:,} are allowed.")
        request = {
            "path": str(path.absolute()) if path else None,
            "media_type": media_type,
            "filename": filename,
            "limits": limits.to_json(),
        }
        async with self._slots:
            answer = await self._ask(request, content, limits)
        if "failed" in answer:
            raise ExtractionFailed(**answer["failed"])
        return Extracted.from_json(answer["extracted"])

    async def _ask(self, request: dict[str, Any], body: bytes, limits: Limits) -> dict[str, Any]:
        try:
            worker = await self._take()
        except OSError as exc:
            raise ExtractorUnavailable(f"The extraction worker could not be started: {exc}") from exc
        kept = False
        try:
            async with asyncio.timeout(limits.wall_s + _GRACE_S):
                answer = await worker.ask(request, body)
            kept = True
        except TimeoutError as exc:
            raise failure("too-slow", f"It was given up after {limits.wall_s:.0f} s.") from exc
        except (OSError, asyncio.IncompleteReadError) as exc:
            raise ExtractorUnavailable("The extraction worker was ended from outside.") from exc
        finally:
            if kept:
                self._give_back(worker)
            else:
                await asyncio.shield(worker.end())
        return answer

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.end()
        return await _Worker.start()

    def _give_back(self, worker: _Worker) -> None:
        self._idle.append(worker)
        if self._sweep:
            self._sweep.cancel()
        self._sweep = asyncio.get_running_loop().call_later(self._idle_s, self._let_go)

    def _let_go(self) -> None:
        workers, self._idle = self._idle, []
        for worker in workers:
            task = asyncio.ensure_future(worker.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End every worker."""
        if self._sweep:
            self._sweep.cancel()
        while self._idle:
            await self._idle.pop().end()


def _size(path: Path) -> int:
    return path.stat().st_size


_sandboxes: dict[asyncio.AbstractEventLoop, Sandbox] = {}


def _current() -> Sandbox:
    return _sandboxes.setdefault(asyncio.get_running_loop(), Sandbox())


async def extract(body: bytes | Path, media_type: str, filename: str | None, limits: Limits) -> Extracted:
    """Parse one document with this event loop's workers; see `Sandbox.extract`."""
    return await _current().extract(body, media_type, filename, limits)


async def close() -> None:
    """End this event loop's workers; call it at shutdown."""
    sandbox = _sandboxes.pop(asyncio.get_running_loop(), None)
    if sandbox:
        await sandbox.close()
