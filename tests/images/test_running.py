"""How the functions' images run and end."""

import json
import socket
import time

from tests.images.engine import Container, Image, docker

BODY = b"{" + b" " * 62 + b"}"
# Where each function takes a body; any answer will do, as long as it comes.
PATHS = {"search": "/search", "ingest": "/documents", "keys": "/keys"}
EVENT_FUNCTIONS = {"embed", "extract", "metrics", "refresh"}
# Far below the grace of any platform.
EXIT_WITHIN_S = 5.0


def test_runs_read_only_and_ends_in_time(function: Image) -> None:
    """It is ready on a read-only root as PID 1; SIGTERM ends it within 5 s of the last answer in flight."""
    with function.running() as container:
        container.await_ready()
        assert [line.split()[0] for line in docker("diff", container.identity).splitlines()] == []
        process = docker("exec", container.identity, "/bin/cat", "/proc/1/cmdline").split("\0")
        assert process[:3] == ["/app/venv/bin/python", "-m", "functions"]
        status = answered_after_sigterm(container, function.name)
        assert status in {200, 400, 401, 403, 404, 405, 415, 422, 503}, status
        assert exit_code(container) in {0, 143}


def answered_after_sigterm(container: Container, name: str) -> int:
    """Send half a request, then SIGTERM, then the other half; return the status of the answer."""
    host, port = container.address.split(":")
    path = PATHS.get(name, "/")
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n"
    head += "Content-Type: application/json\r\n"
    head += "ce-specversion: 1.0\r\nce-id: 1\r\nce-type: none\r\nce-source: /tests\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + BODY[:20])
        time.sleep(0.3)  # the server has begun with it
        docker("kill", "--signal", "TERM", container.identity)
        time.sleep(0.3)
        connection.sendall(BODY[20:])
        answer = b""
        while b"\r\n\r\n" not in answer and (more := connection.recv(65536)):
            answer += more
    assert answer, "the request in flight got no answer"
    return int(answer.split()[1])


def exit_code(container: Container) -> int:
    """Return the exit status, once there is one within the time that is allowed."""
    deadline = time.monotonic() + EXIT_WITHIN_S
    while True:
        state = json.loads(docker("inspect", container.identity))[0]["State"]
        if not state["Running"]:
            return int(state["ExitCode"])
        assert time.monotonic() < deadline, f"still running {EXIT_WITHIN_S:.0f} s after its last answer"
        time.sleep(0.1)
