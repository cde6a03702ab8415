"""A retrieval test set in a folder: docs.jsonl {id, title, text}, queries.jsonl {id, text}, qrels.tsv."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.errors import UsageError
from cli.files import Record
from cli.metrics import count_relevant


@dataclass(frozen=True)
class EvaluationSet:
    """Queries (id to text) that have a relevant document, their judgements (query id to document id to grade)."""

    name: str
    documents: Path
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]


def read_evaluation_set(folder: Path, split: str | None = None) -> EvaluationSet:
    """Return the test set in `folder`; `split` reads queries_SPLIT.jsonl and qrels_SPLIT.tsv instead.

    Queries without a relevant document are left out: every measure of them is 0 by definition.
    Raises: UsageError when a file is missing or broken.
    """
    ending = f"_{split}" if split else ""
    documents = folder / "docs.jsonl"
    if not documents.is_file():
        raise UsageError(
            f"{documents} does not exist", action="An eval folder has docs.jsonl, queries.jsonl, qrels.tsv."
        )
    judgements = _read_judgements(folder / f"qrels{ending}.tsv")
    texts = {str(query["id"]): str(query["text"]) for query in read_lines(folder / f"queries{ending}.jsonl")}
    queries = {name: text for name, text in texts.items() if count_relevant(judgements.get(name, {}))}
    if not queries:
        raise UsageError(
            f"No query of {folder} has a relevant document", action="Compare the ids in queries and qrels."
        )
    return EvaluationSet(folder.resolve().name, documents, queries, judgements)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file. Raises: UsageError for a missing file or a broken line."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield json.loads(line)
                except ValueError as exc:
                    raise UsageError(f"{path}:{number} is not JSON", str(exc)) from exc
    except FileNotFoundError as exc:
        raise UsageError(f"{path} does not exist") from exc


def _read_judgements(path: Path) -> dict[str, dict[str, int]]:
    """Return query id to document id to grade of a tab-separated file whose first line is a header."""
    judgements: dict[str, dict[str, int]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = csv.reader(lines, delimiter="\t")
            next(rows, None)
            for query, document, grade in rows:
                judgements.setdefault(query, {})[document] = int(grade)
    except FileNotFoundError as exc:
        raise UsageError(f"{path} does not exist") from exc
    except ValueError as exc:
        raise UsageError(f"{path} is not of the form query-id, document-id, grade", str(exc)) from exc
    return judgements


def records(evaluation_set: EvaluationSet, collection: str, empty: list[str]) -> Iterator[Record]:
    """Yield the documents as the server takes them, known by their id; ids of those without any text go to `empty`."""
    for document in read_lines(evaluation_set.documents):
        name, title = str(document["id"]), str(document.get("title") or "").strip()
        text = str(document.get("text") or "").strip() or title
        if not text:
            empty.append(name)
            continue
        body = {"external_id": name, "title": title or None, "text": text, "collection": collection}
        yield Record(
            f"{evaluation_set.documents.name}:{name}", {key: value for key, value in body.items() if value is not None}
        )
