"""`research-kb models`: the models on this machine; fetching and building more."""

import json
from pathlib import Path
from typing import Any

import typer

from cli.errors import CommandFailed
from cli.output import AsJson, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Embedders and rerankers on this machine.")


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models below RESEARCH_KB_HOME, which the embedded stack can serve."""
    from cli.configuration import home

    models = installed_models(home() / "models")
    if as_json:
        print_json(models)
        return
    columns = ["name", "kind", "dimension>", "max_tokens>", "size_mb>", "sha256"]
    print_table(columns, [[model.get(column.rstrip(">")) for column in columns] for model in models])


def installed_models(folder: Path) -> list[dict[str, Any]]:
    """Return the descriptions of the models in `folder`, by name. Raises: CommandFailed for one that is broken."""
    models = []
    for description in sorted(folder.glob("**/model.json")):
        try:
            model = json.loads(description.read_text(encoding="utf-8"))
        except ValueError as exc:
            raise CommandFailed(
                "A model's description is not JSON",
                f"{description}: {exc}",
                f"Remove {description.parent}, pull again.",
            ) from exc
        size_bytes = sum(path.stat().st_size for path in description.parent.iterdir() if path.is_file())
        models.append(model | {"size_mb": round(size_bytes / 1e6, 1), "path": str(description.parent)})
    return models
