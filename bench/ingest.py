"""Ingestion throughput: SciFact through the whole path, against the embedder alone on the very same passages.

The embedder alone is onnxruntime with the same weights in this process, on all cores. Both run twice, in turns, and
the better run of each counts: what else the machine does hits both alike.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.queries import read_documents, scifact
from bench.report import machine, tell
from bench.stack import environment, measuring_client
from cli.files import Found, Record
from cli.ingest import Outcome, ingest
from cli.progress import ProgressDisplay
from cli.server import Server
from cli.uploads import Defaults

SHARE_BOUND = 0.75
# As many texts a call as the embed function sends.
TEXTS_A_CALL = 16
_PASSAGES = """
SELECT p.heading, p.text FROM passages p JOIN collections c ON c.id = p.collection_id
 WHERE c.name = $1 ORDER BY p.id
"""


def run_ingestion(server: Server, collection: str, documents: Sequence[dict[str, str]]) -> Outcome:
    """Send `documents` and wait until all are indexed. Raises: SystemExit when one failed."""
    records = [
        Record(document["id"], {"external_id": document["id"], "title": document["title"], "text": document["text"]})
        for document in documents
    ]
    with ProgressDisplay() as display:
        outcome = ingest(
            server,
            Found(records=[Path("scifact")]),
            records,
            Defaults(collection),
            concurrency=2,
            wait=True,
            timeout_s=3600,
            display=display,
        )
    if outcome.failures or outcome.unchanged:
        raise SystemExit(f"Not a clean ingestion: {outcome.as_json()}")
    return outcome


async def read_passages(collection: str) -> list[str]:
    """Return the texts of a collection's passages as they are embedded."""
    import asyncpg

    connection = await asyncpg.connect(environment()["DATABASE_URL"], timeout=10)
    try:
        rows = await connection.fetch(_PASSAGES, collection)
    finally:
        await connection.close()
    return [f"{row['heading']}\n{row['text']}".strip() for row in rows]


def embed_alone(texts: Sequence[str]) -> float:
    """Return the passages a second that onnxruntime embeds in this process, on all cores, full precision."""
    from triton_models.runtime.embedding import Embedder
    from triton_models.runtime.encoder import Encoder

    addresses = environment()
    name = addresses.get("EMBEDDER_MODEL", "all-MiniLM-L6-v2")
    folder = Path(addresses["RESEARCH_KB_HOME"]) / "models" / name
    max_tokens = json.loads((folder / "model.json").read_text(encoding="utf-8"))["max_tokens"]
    encoder = Encoder(folder, "model.onnx", max_tokens=max_tokens, threads=len(os.sched_getaffinity(0)))
    embedder = Embedder(encoder)
    embedder.embed(texts[:TEXTS_A_CALL])
    started = time.perf_counter()
    for start in range(0, len(texts), TEXTS_A_CALL * 8):
        embedder.embed(texts[start : start + TEXTS_A_CALL * 8])
    return len(texts) / (time.perf_counter() - started)


def measure(documents: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return the rates of two ingestions, each followed by the embedder alone on its passages, and their share."""
    runs = []
    for turn in range(2):
        collection = f"bench-ingest-{int(time.time())}-{turn}"
        with measuring_client(collection) as (server, _):
            outcome = run_ingestion(server, collection, documents)
            texts = asyncio.run(read_passages(collection))
            server.delete(f"/collections/{collection}")
        runs.append({"seconds": outcome.seconds, "passages": len(texts), "alone": embed_alone(texts)})
    alone = max(run["alone"] for run in runs)
    through = max(run["passages"] / run["seconds"] for run in runs)
    return {"documents": len(documents), "runs": runs, "through": through, "alone": alone, "share": through / alone}


def main() -> int:
    """Measure, print, and return 1 below the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000, help="how many of SciFact's 5183")
    options = parser.parse_args()
    known = machine()
    found = measure(read_documents(scifact())[: options.documents])
    within = found["share"] >= SHARE_BOUND
    columns = ["documents", "passages", "passages/s ingested", "passages/s embedder alone", "share", "bound", "within"]
    row = [found["documents"], found["runs"][-1]["passages"], found["through"], found["alone"]]
    tell("ingest", columns, [[*row, found["share"], SHARE_BOUND, within]], {"machine": known, "within": within} | found)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
