"""The command line's HTTP client at a server that a proxy stands before."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cli.errors import ServerProblem
from cli.server import Server


class _Restarting(BaseHTTPRequestHandler):
    """Answers 502 once, then 200."""

    asked = 0

    def do_POST(self) -> None:
        """Answer as a proxy does while a function is restarted."""
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(502 if self.asked == 1 else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    _Restarting.asked = 0
    with HTTPServer(("127.0.0.1", 0), _Restarting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_lost_request_is_sent_again_only_when_it_may_be(url: str) -> None:
    """502: the function may have carried the request out, so only what may be done twice is."""
    with Server(url, "rkb_key") as server:
        assert server.post("/documents", {}) == {}
    _Restarting.asked = 0
    with Server(url, "rkb_key") as server, pytest.raises(ServerProblem, match="502"):
        server.post("/keys", {}, repeatable=False)


def test_a_private_authority_is_trusted_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE counts for a server on this machine too; one that is not there is said at once."""
    monkeypatch.setenv("SSL_CERT_FILE", ssl.get_default_verify_paths().openssl_cafile + ".absent")
    with pytest.raises(FileNotFoundError):
        Server("https://localhost:1", "rkb_key")
