"""Queries that nobody asked before: spans of words out of SciFact's abstracts, each once."""

import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

SHORTEST_WORDS, LONGEST_WORDS = 5, 16
_WORD = re.compile(r"[^\s]+")
_CONTENT = re.compile(r"[A-Za-z]{9,}")


def test_data() -> Path:
    """Return the folder of test data: RESEARCH_KB_TEST_DATA, else ../shared/data beside the checkout."""
    configured = os.environ.get("RESEARCH_KB_TEST_DATA")
    return Path(configured) if configured else Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def scifact() -> Path:
    """Return SciFact's folder. Raises: SystemExit where the test data is absent."""
    folder = test_data() / "retrieval" / "scifact"
    if not (folder / "docs.jsonl").is_file():
        raise SystemExit(f"{folder} is not there: set RESEARCH_KB_TEST_DATA to the folder of test data")
    return folder


def read_documents(folder: Path) -> list[dict[str, str]]:
    """Return the documents {id, title, text} of a test set."""
    with (folder / "docs.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def unique_queries(seed: int) -> Iterator[str]:
    """Yield spans of 5 to 16 words (SciFact's claims have 12 on average) without end, none twice.

    The same `seed` gives the same queries; another gives others, so that no run meets the caches of the one before.
    """
    choose = random.Random(seed)  # noqa: S311 -- a sample, not a secret
    texts = [_WORD.findall(document["text"]) for document in read_documents(scifact())]
    texts = [words for words in texts if len(words) > LONGEST_WORDS]
    seen: set[str] = set()
    while True:
        words = choose.choice(texts)
        length = choose.randint(SHORTEST_WORDS, LONGEST_WORDS)
        start = choose.randrange(len(words) - length)
        query = " ".join(words[start : start + length])
        # A span of function words alone has nothing to look up, and the answer rightly says so.
        if query not in seen and _CONTENT.search(query):
            seen.add(query)
            yield query
