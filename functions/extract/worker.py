"""The process that parses: `python -m functions.extract.worker`, spoken to by `functions.extract.sandbox`.

It imports the parsers once and forks for each document, so a document gets a fresh process in a few milliseconds and
takes nothing but itself down. The fork limits itself (address space, CPU seconds, wall clock, no files written),
parses, and answers through a pipe; the parent puts into words how it ended.

Requests and answers are frames: four bytes length (big endian), then JSON; a request's frame is followed by
`body_bytes` bytes of the document when it names no path.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO, Final

from functions.extract.failures import ExtractionFailed, failure
from functions.extract.limits import Limits
from functions.extract.parsers.detection import parse, preload

FRAME: Final = 4
_PR_SET_PDEATHSIG: Final = 1
_EXIT_MEMORY: Final = 70
_MIB: Final = 1024 * 1024


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the service's to handle; it closes the pipe
    signal.signal(signal.SIGTERM, _end)
    _die_with_parent()
    preload()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := requests.read(FRAME):
        request = json.loads(requests.read(int.from_bytes(head)))
        body = requests.read(request["body_bytes"])
        payload = _serve(request, body)
        answers.write(len(payload).to_bytes(FRAME))
        answers.write(payload)
        answers.flush()


_children: set[int] = set()


def _end(*_: object) -> None:
    """End the child at work, collect it, and end: whoever asked waits for us and knows nothing of it."""
    for child in _children:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    os._exit(0)


def _serve(request: dict[str, Any], body: bytes) -> bytes:
    limits = Limits(**request["limits"])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(request, body, limits, writing)
    _children.add(child)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        payload = _read(pipe, limits)
    if payload is None:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    _children.discard(child)
    if payload is None:
        return _failed(failure("too-large", "Its text is larger than the service accepts."))
    code = os.waitstatus_to_exitcode(status)
    return payload if code == 0 and payload else _failed(_explain(code, limits, usage))


def _read(pipe: BinaryIO, limits: Limits) -> bytes | None:
    """Read the child's answer; None when it is larger than any text within the limits could make it."""
    most = limits.text_chars * 8 + _MIB  # characters outside ASCII, JSON's escapes, blocks
    payload = pipe.read(most + 1)
    return payload if len(payload) <= most else None


def _explain(code: int, limits: Limits, usage: resource.struct_rusage) -> ExtractionFailed:
    """Say why the child ended without an answer; a negative code is the signal that ended it."""
    if code in (-signal.SIGALRM, -signal.SIGXCPU):
        return failure("too-slow", f"It was given up after {usage.ru_utime + usage.ru_stime:.0f} s of computing.")
    if code in (_EXIT_MEMORY, -signal.SIGKILL):
        most = limits.memory_bytes // _MIB
        return failure("too-large", f"Parsing it needs more than {most} MiB of memory, as a decompression bomb does.")
    return failure("corrupt-document", f"The parser broke down on it ({_name(code)}).")


def _name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _failed(problem: ExtractionFailed) -> bytes:
    return json.dumps({"failed": problem.to_json()}).encode()


def _run(request: dict[str, Any], body: bytes, limits: Limits, writing: int) -> None:
    """Parse in the forked child, write the answer and end the process."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(2, 1)  # a library that prints must not write into the answers
        confine(limits)
        payload = _answer(request, body, limits)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(payload)
        code = 0
    except MemoryError:
        code = _EXIT_MEMORY
    except BaseException:  # whatever it is, it must end here, in the child
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(code)


def _answer(request: dict[str, Any], body: bytes, limits: Limits) -> bytes:
    try:
        content = body if request["path"] is None else Path(request["path"]).read_bytes()
        extracted = parse(content, request["media_type"], request["filename"], limits)
    except ExtractionFailed as problem:
        return _failed(problem)
    except RecursionError:
        return _failed(failure("corrupt-document", "Its elements are nested too deeply."))
    return json.dumps({"extracted": extracted.to_json()}, ensure_ascii=False).encode("utf-8", "replace")


def confine(limits: Limits) -> None:
    """Bind this process to the limits, and its life to its parent's. Meant for the forked child only."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
    _die_with_parent()
    if sys.platform == "linux":  # macOS refuses address space limits
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
