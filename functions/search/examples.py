"""An answer as the documentation shows it."""

from typing import Any

ANSWER_EXAMPLE: dict[str, Any] = {
    "hits": [
        {
            "id": 4711,
            "text": "An instrument moves the treatment and touches the outcome through the treatment alone.",
            "page_start": 3,
            "page_end": 3,
            "section": ["Identification", "Instrumental variables"],
            "highlights": [{"start": 3, "end": 13}],
            "source": {
                "id": "0b9fcd36-7fd1-5d4f-9d8e-6f6a2f0c7c11",
                "external_id": "iv-notes",
                "title": "Notes on instrumental variables",
                "authors": ["Ada Example"],
                "year": 2024,
                "venue": None,
                "doi": None,
                "arxiv_id": None,
                "url": None,
                "source_type": "note",
                "collection": "default",
                "metadata": {},
            },
            "scores": {"lexical": 11.2, "dense": 0.71, "rerank": None, "combined": 0.97},
            "ranks": {"lexical": 2, "dense": 1, "rerank": None},
        }
    ],
    "degraded": [],
    "reranker": None,
    "index_version": "1.42.1",
    "took_ms": {
        "embed": 5.1,
        "lexical": 2.2,
        "dense": 1.4,
        "fuse": 0.2,
        "rerank": None,
        "load": 0.7,
        "total": 8.6,
    },
}
