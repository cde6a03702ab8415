"""`research-kb models`: the models of the library, which of them answers, and those on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandFailed, UsageError
from cli.output import AsJson, console, note, print_json, print_table

if TYPE_CHECKING:
    from triton_models.card import Card, Kind

app = typer.Typer(no_args_is_help=True, help="Embedding models of the library, and the models on this machine.")

KindName = Annotated[str | None, typer.Option("--kind", help="embedder or cross-encoder (default: found out).")]
_COLUMNS = ["name", "kind", "dimension>", "max_tokens>", "source"]


ModelName = Annotated[str, typer.Argument(help="The model's name, as `models list` shows it.")]
_LIBRARY_COLUMNS = ["name", "state", "dimension>", "vectors>", "missing>", "index", "index_phase", "served"]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the embedding models of the library: which one answers searches, what each lacks."""
    from cli.server import Server

    with Server() as server:
        _show_library(list(server.each("/models")), as_json)


@app.command("embed")
def embed_library(name: ModelName, as_json: AsJson = False) -> None:
    """Embed the library with the model of a second model server (NEXT_TRITON_URL), beside the one that answers."""
    from cli.server import Server

    with Server() as server:
        model = server.post("/models/embed", {"model": name})
    _show_library([model], as_json)
    note(f"`research-kb models list` shows how far it is; then: research-kb models activate {name}")


@app.command("activate")
def activate_model(
    name: ModelName,
    force: Annotated[bool, typer.Option("--force", help="Even though vectors or its server are missing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a model answer searches from the next one on; to go back, activate the one before."""
    from cli.server import Server

    with Server() as server:
        model = server.post("/models/activate", {"model": name, "force": force})
    _show_library([model], as_json)


@app.command("remove")
def remove_model(name: ModelName, as_json: AsJson = False) -> None:
    """Delete the vectors and the index of a model that answers no searches."""
    from urllib.parse import quote

    from cli.server import Server

    with Server() as server:
        model = server.send("DELETE", f"/models/{quote(name, safe='')}").json()
    _show_library([model], as_json)


@app.command("installed")
def list_installed(as_json: AsJson = False) -> None:
    """List the models below RESEARCH_KB_HOME, which the embedded stack can serve."""
    from cli.configuration import home
    from triton_models.card import list_cards

    _show(list_cards(home() / "models"), as_json)


@app.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="owner/name at the hub, as cross-encoder/ms-marco-MiniLM-L6-v2.")],
    revision: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "main",
    kind: KindName = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a model from a hub (HF_ENDPOINT, HF_TOKEN) and make it ready to be served."""
    from cli.configuration import home

    chosen = _kind(kind)
    with _told():
        from triton_models.hub import pull

        card = pull(name, home(), chosen, revision=revision, console=console(stderr=True))
    _show([card], as_json)
    note(_how_to_serve(card))


@app.command("build")
def build_model(
    folder: Annotated[
        Path, typer.Argument(help="Holds tokenizer.json and model.safetensors or an ONNX export.", exists=True)
    ],
    name: Annotated[str | None, typer.Option(help="What to call it (default: the folder's name).")] = None,
    kind: KindName = None,
    as_json: AsJson = False,
) -> None:
    """Make a model out of a folder with BERT-family weights; torch is not needed."""
    from cli.configuration import home

    chosen = _kind(kind)
    with _told():
        from triton_models.build import build

        card = build(folder, home(), name or folder.resolve().name, chosen)
    _show([card], as_json)
    note(_how_to_serve(card))


def _kind(name: str | None) -> "Kind | None":
    if name is None:
        return None
    if name == "embedder":
        return "embedder"
    if name == "cross-encoder":
        return "cross-encoder"
    raise UsageError(f"--kind {name} is unknown", "Known: embedder, cross-encoder.")


@contextmanager
def _told() -> Iterator[None]:
    """Turn a model that can't be used into a failed command; its message says what to do."""
    from triton_models.architectures import UnsupportedModel
    from triton_models.download import PullFailed

    try:
        yield
    except (UnsupportedModel, PullFailed) as exc:
        raise CommandFailed("This model can't be used", str(exc)) from exc


def _how_to_serve(card: "Card") -> str:
    if card.kind == "embedder":
        return f"To serve it: EMBEDDER_MODEL={card.name} research-kb up."
    return "The embedded stack serves it after `research-kb down` and `research-kb up`."


def _show_library(models: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(models)
    else:
        print_table(
            _LIBRARY_COLUMNS, [[model[column.rstrip(">")] for column in _LIBRARY_COLUMNS] for model in models]
        )


def _show(cards: "list[Card]", as_json: bool) -> None:
    described = [asdict(card) for card in cards]
    if as_json:
        print_json(described)
    else:
        print_table(_COLUMNS, [[model[column.rstrip(">")] for column in _COLUMNS] for model in described])
