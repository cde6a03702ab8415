"""`python -m deploy.monitoring`: write dashboards/*.json, rules.yml and rules.k8s.yaml; tests prove them current."""

from collections.abc import Callable
from pathlib import Path

from deploy.monitoring import alerts
from deploy.monitoring.boards import database, inference, ingestion, keys, overview, search

FOLDER = Path(__file__).parent
BOARDS: dict[str, Callable[[], str]] = {
    "overview": overview.build,
    "search": search.build,
    "ingestion": ingestion.build,
    "inference": inference.build,
    "database": database.build,
    "keys": keys.build,
}


def files() -> dict[Path, str]:
    """Return each generated file's place and text."""
    boards = {FOLDER / "dashboards" / f"{name}.json": build() for name, build in BOARDS.items()}
    return boards | {FOLDER / "rules.yml": alerts.text(), FOLDER / "rules.k8s.yaml": alerts.manifest()}


def main() -> None:
    """Write all of them."""
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(FOLDER.parents[1]))


if __name__ == "__main__":
    main()
