"""Embedders and cross-encoders from a model hub, ready to be served."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton_models.build import build, check_name
from triton_models.card import Card, Kind, read_card
from triton_models.download import Part, PullFailed, download

if TYPE_CHECKING:
    import httpx
    from rich.console import Console

__all__ = ["PullFailed", "pull"]

DEFAULT_ENDPOINT = "https://huggingface.co"
_EXPORT = "onnx/model.onnx"
# An export above 2 GB keeps its weights beside it, under either name.
_EXPORT_FILES = [_EXPORT, "onnx/model.onnx_data", "onnx/model.onnx.data"]
_TENSORS = "model.safetensors"
_SMALL = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
]
# Connecting takes milliseconds, and a silence of half a minute is a broken line; the download itself may take long.
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 10.0, 30.0


@dataclass(frozen=True)
class Repository:
    """One repository at one commit: its files, with size and SHA-256 where the hub tells."""

    identifier: str
    commit: str
    parts: dict[str, Part]


def pull(
    name: str, home: Path, kind: Kind | None = None, *, revision: str = "main", console: Console | None = None
) -> Card:
    """Fetch the repository `name` (owner/name) and make `home`/models/<name without owner> of it.

    Takes onnx/model.onnx where there is one, else writes the graph from model.safetensors. HF_ENDPOINT names another
    hub, HF_TOKEN opens private repositories. What was fetched is kept until the model is made, so that a second try
    goes on where the first broke off. Raises: PullFailed, UnsupportedModel; both say what to do.
    """
    check_name(name)
    short = name.rsplit("/", 1)[-1]
    _refuse_other_owner(home, short, name)
    with _open_client() as client:
        repository = _read_repository(client, name, revision)
        parts = _choose(repository)
        fetched = home / "models" / f".pull.{short}" / repository.commit
        for part in parts:
            part_path = f"/{name}/resolve/{repository.commit}/{part.name}"
            download(client, part_path, part, fetched / part.name, console)
    card = build(fetched, home, short, kind, source=f"{name}@{repository.commit}")
    shutil.rmtree(fetched.parent, ignore_errors=True)
    return card


def _open_client() -> httpx.Client:
    import httpx

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT
    token = os.environ.get("HF_TOKEN", "")
    return httpx.Client(
        base_url=endpoint,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
        follow_redirects=True,  # large files lie elsewhere; httpx keeps the token from other hosts
    )


def _refuse_other_owner(home: Path, short: str, name: str) -> None:
    """A model's name is what its vectors are known by: another model must not slip in under it."""
    card = read_card(home / "models" / short)
    if card is None or (card.source.startswith("PyPI ") and name == f"sentence-transformers/{short}"):
        return
    if card.source.split("@")[0] != name:
        raise PullFailed(
            f"{short} is installed from {card.source}; remove {home / 'models' / short} first if {name} is to take "
            "its place, and embed everything again."
        )


def _read_repository(client: httpx.Client, name: str, revision: str) -> Repository:
    import httpx

    path = f"/api/models/{name}" if revision == "main" else f"/api/models/{name}/revision/{revision}"
    try:
        response = client.get(path, params={"blobs": "true"})
    except httpx.HTTPError as exc:
        raise PullFailed(
            f"{client.base_url} does not answer ({exc}). Without access to a hub, set HF_ENDPOINT to a mirror or "
            "bring the folder yourself and run `research-kb models build DIR`."
        ) from exc
    if response.status_code in {401, 403, 404}:
        raise PullFailed(
            f"{client.base_url} has no repository {name} that may be read: check the name "
            "(owner/name), or set HF_TOKEN if it is private or gated."
        )
    if response.status_code != 200:
        raise PullFailed(f"{client.base_url} answered {response.status_code} for {name}; try again later.")
    return _parse_repository(name, response.text)


def _parse_repository(name: str, text: str) -> Repository:
    try:
        given: dict[str, Any] = json.loads(text)
        commit = str(given["sha"])
        parts = {item["rfilename"]: _read_part(item) for item in given["siblings"]}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise PullFailed(f"The hub's answer about {name} is not what a hub says ({exc!r}): check HF_ENDPOINT.") from exc
    if not re.fullmatch(r"[0-9a-zA-Z._-]+", commit):
        raise PullFailed(f"The hub names the commit {commit!r}, which is none: check HF_ENDPOINT.")
    return Repository(name, commit, parts)


def _read_part(item: dict[str, Any]) -> Part:
    large = item.get("lfs") or {}
    size = large.get("size", item.get("size"))
    return Part(item["rfilename"], None if size is None else int(size), large.get("sha256"))


def _choose(repository: Repository) -> list[Part]:
    """The files to fetch. Raises: PullFailed when the repository lacks the tokeniser or any weights that are read."""
    parts = repository.parts
    if "tokenizer.json" not in parts:
        raise PullFailed(
            f"{repository.identifier} has no tokenizer.json: choose a model with a fast tokeniser, or save it in "
            "that form (AutoTokenizer.from_pretrained(...).save_pretrained(...)) and run `research-kb models build`."
        )
    if _EXPORT in parts:
        weights = _EXPORT_FILES
    elif _TENSORS in parts:
        weights = [_TENSORS]
    else:
        raise PullFailed(
            f"{repository.identifier} has neither {_EXPORT} nor {_TENSORS}: choose another revision or model, or "
            "export it with optimum-cli and run `research-kb models build`."
        )
    return [parts[name] for name in [*_SMALL, *weights] if name in parts]
