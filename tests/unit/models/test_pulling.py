"""Pulling from a hub: any model whose files it has, resumed, checked, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper
from rich.console import Console

from tests.unit.models.reference_model import MakeModel
from triton_models import installed
from triton_models.architectures import UnsupportedModel
from triton_models.build import build
from triton_models.hub import PullFailed, pull
from triton_models.repository import Choice, assemble, find_reranker
from triton_models.runtime.embedding import Embedder
from triton_models.runtime.encoder import Encoder

COMMIT = "0123abcd"


@dataclass
class Hub:
    """A server with a hub's paths, and a fault at a time."""

    files: dict[str, bytes] = field(default_factory=dict)
    break_after: int | None = None
    corrupt: bool = False
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    token: str | None = None
    url: str = ""

    def describe(self) -> bytes:
        """The answer at /api/models/<id>, sums included for the large files."""
        siblings = [
            {"rfilename": name, "size": len(data), **self._large(name, data)} for name, data in self.files.items()
        ]
        return json.dumps({"id": "owner/tiny", "sha": COMMIT, "siblings": siblings}).encode()

    def _large(self, name: str, data: bytes) -> dict[str, object]:
        if not name.endswith((".onnx", ".safetensors")):
            return {}
        return {"lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}}


class Handler(BaseHTTPRequestHandler):
    """Serves one Hub; large files by a redirect, as the real one does."""

    hub: Hub

    def do_GET(self) -> None:
        hub, path = self.hub, urlsplit(self.path).path
        hub.requests.append((path, self.headers.get("Range")))
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._answer(401, b"")
        elif path == "/api/models/owner/tiny":
            self._answer(200, hub.describe())
        elif path.startswith(f"/owner/tiny/resolve/{COMMIT}/"):
            name = path.split(f"{COMMIT}/")[1]
            self._answer(302, b"", location=f"{hub.url}/cdn/{name}")
        elif path.startswith("/cdn/") and path[5:] in hub.files:
            self._send(hub.files[path[5:]])
        else:
            self._answer(404, b"")

    def _send(self, data: bytes) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if self.hub.corrupt and len(data) > 10_000:
            data = b"\0" * len(data)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = len(data)
        if self.hub.break_after is not None and len(data) > self.hub.break_after:
            end, self.hub.break_after = start + self.hub.break_after, None
            self.close_connection = True
        self.wfile.write(data[start:end])

    def _answer(self, status: int, body: bytes, location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running hub that HF_ENDPOINT names."""
    served = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": served}))
    served.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    Thread(target=server.serve_forever, daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


def _upload(hub: Hub, folder: Path) -> None:
    hub.files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _export(folder: Path, built: Path, output: str) -> None:
    """Put an ONNX export with one output, as other tools write it, in place of the folder's tensors."""
    model = onnx.load(built / "model.onnx")
    if output == "last_hidden_state":
        kept = [node for node in model.graph.node if node.name.split(".")[0] not in {"pool", "sentence_embedding"}]
        del model.graph.node[:]
        model.graph.node.extend(kept)
        model.graph.node[-1].output[0] = output
    width = 3 if output == "last_hidden_state" else 2
    del model.graph.output[:]
    model.graph.output.append(
        helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, [None] * (width - 1) + [32])
    )
    (folder / "onnx").mkdir()
    onnx.save(model, folder / "onnx" / "model.onnx")
    (folder / "model.safetensors").unlink()


def _embed(home: Path, name: str) -> NDArray[np.float32]:
    encoder = Encoder(home / "models" / name, "model.onnx", max_tokens=40)
    return Embedder(encoder).embed(["causal effect", "a treatment on an outcome"])[0]


def test_tensors_become_a_cross_encoder(tmp_path: Path, hub: Hub, make_model: MakeModel) -> None:
    """A repository without ONNX is built from its tensors; the reranker takes it from then on."""
    folder, _ = make_model("bert")
    _upload(hub, folder)
    card = pull("owner/tiny", tmp_path, console=Console(file=io.StringIO()))
    assert (card.name, card.kind, card.source) == ("tiny", "cross-encoder", f"owner/tiny@{COMMIT}")
    assert find_reranker(tmp_path, None) == card
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["tiny"]


@pytest.mark.parametrize("output", ["last_hidden_state", "sentence_embedding"])
def test_export_embeds_as_the_tensors_do(tmp_path: Path, hub: Hub, make_model: MakeModel, output: str) -> None:
    """onnx/model.onnx is preferred, and pooled where it stops at token vectors."""
    folder, _ = make_model("bert")
    build(folder, tmp_path, "built", "embedder")
    _export(folder, tmp_path / "models" / "built", output)
    _upload(hub, folder)
    card = pull("owner/tiny", tmp_path, "embedder")
    assert (card.dimension, card.has_tokens) == (32, output == "last_hidden_state")
    np.testing.assert_allclose(_embed(tmp_path, "tiny"), _embed(tmp_path, "built"), atol=1e-6)


def test_broken_line_is_resumed(tmp_path: Path, hub: Hub, make_model: MakeModel) -> None:
    """A second pull asks only for the bytes that are missing."""
    folder, _ = make_model("bert")
    _upload(hub, folder)
    hub.break_after = 20_000
    with pytest.raises(PullFailed, match="pull again"):
        pull("owner/tiny", tmp_path)
    assert installed(tmp_path) == []
    pull("owner/tiny", tmp_path)
    assert ("/cdn/model.safetensors", "bytes=20000-") in hub.requests
    assert [card.name for card in installed(tmp_path)] == ["tiny"]


def test_damaged_file_is_dropped(tmp_path: Path, hub: Hub, make_model: MakeModel) -> None:
    """Content that differs from its SHA-256 is never built; the next pull starts afresh."""
    folder, _ = make_model("bert")
    _upload(hub, folder)
    hub.corrupt = True
    with pytest.raises(PullFailed, match="damaged"):
        pull("owner/tiny", tmp_path)
    hub.corrupt = False
    assert pull("owner/tiny", tmp_path).name == "tiny"


def test_private_repository_needs_the_token(
    tmp_path: Path, hub: Hub, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HF_TOKEN opens what is refused without it."""
    folder, _ = make_model("bert")
    _upload(hub, folder)
    hub.token = "secret"
    with pytest.raises(PullFailed, match="HF_TOKEN"):
        pull("owner/tiny", tmp_path)
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert pull("owner/tiny", tmp_path).name == "tiny"


def test_absent_hub_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hub the message names HF_ENDPOINT and building by hand."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PullFailed, match=r"HF_ENDPOINT.*models build"):
        pull("owner/tiny", tmp_path)


def test_repository_without_weights_is_refused(tmp_path: Path, hub: Hub, make_model: MakeModel) -> None:
    """Neither an export nor tensors: nothing is fetched."""
    folder, _ = make_model("bert")
    (folder / "model.safetensors").unlink()
    _upload(hub, folder)
    with pytest.raises(PullFailed, match="neither"):
        pull("owner/tiny", tmp_path)
    assert not (tmp_path / "models").exists()


def test_another_owner_does_not_slip_in(tmp_path: Path, hub: Hub, make_model: MakeModel) -> None:
    """A model's vectors are known by its name, so another source under that name is refused."""
    folder, _ = make_model("bert")
    build(folder, tmp_path, "tiny", source="someone/tiny@1")
    _upload(hub, folder)
    with pytest.raises(PullFailed, match="someone/tiny"):
        pull("owner/tiny", tmp_path)


def test_named_cross_encoder_must_be_installed(home: Path) -> None:
    """Serving a reranker that is not there is refused by name."""
    with pytest.raises(UnsupportedModel, match="ms-marco"):
        assemble(Choice(home, reranker="ms-marco"))
