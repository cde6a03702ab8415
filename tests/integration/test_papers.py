"""Real papers through the whole system; needs RESEARCH_KB_TEST_DATA."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pypdfium2
import pytest

from events.topics import SEARCH_PERFORMED
from tests.conftest import ROOT, Api, Stack

pytestmark = [pytest.mark.stack, pytest.mark.data]

COLLECTION = "papers"


async def ingest(stack: Stack, folder: Path, *names: str) -> dict[str, Any]:
    """Run `research-kb ingest` on files of a folder; return its counts."""
    import os

    paths = [str(folder / name) for name in names]
    process = await asyncio.create_subprocess_exec(
        *stack.command("ingest", "--json", "--collection", COLLECTION, *paths),
        cwd=ROOT, env=os.environ | stack.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), 600)
    assert process.returncode == 0, errors.decode()[-3000:]
    counts: dict[str, Any] = json.loads(output)
    return counts


async def rows(database: "asyncpg.Pool[Any]") -> tuple[Any, ...]:
    """Return what would differ if ingesting again changed anything; that requests are counted is no change of it."""
    found = await database.fetchrow(
        "SELECT count(*), max(p.id), (SELECT max(updated_at) FROM documents), "
        "(SELECT max(id) FROM outbox WHERE event->>'type' <> $2) "
        "FROM passages p JOIN collections c ON c.id = p.collection_id WHERE c.name = $1",
        COLLECTION,
        SEARCH_PERFORMED,
    )
    return tuple(found or ())


async def test_papers_are_ingested_and_a_second_time_changes_nothing(
    stack: Stack, api: Api, database: "asyncpg.Pool[Any]", data_folder: Path
) -> None:
    """Ten PDFs and ten texts are indexed, none failed; ingested again, no row changes."""
    papers = data_folder / "papers"
    pdfs = sorted(path.name for path in (papers / "pdf").glob("*.pdf"))[:10]
    texts = sorted(path.name for path in (papers / "text").iterdir() if path.suffix in {".md", ".html"})[::9][:10]
    await ingest(stack, papers / "pdf", *pdfs)
    await ingest(stack, papers / "text", *texts)
    stats = (await api.client.get("/stats", params={"collection": COLLECTION})).json()
    assert {state: n for state, n in stats["documents"].items() if n} == {"indexed": 20}
    before = await rows(database)
    await ingest(stack, papers / "pdf", *pdfs)
    await ingest(stack, papers / "text", *texts)
    assert await rows(database) == before


def phrases(pdf: Path) -> list[tuple[int, str]]:
    """Return (page from 1, phrase of ten plain words) for three pages of a PDF, as PDFium reads the page alone."""
    document = pypdfium2.PdfDocument(pdf)
    found = []
    for number in range(len(document)):
        text = document[number].get_textpage().get_text_range()
        lines = [line.split() for line in text.replace("\r", "").split("\n")]
        plain = [words for words in lines if len(words) >= 10 and all(word.isalpha() for word in words[1:9])]
        if plain:
            found.append((number + 1, " ".join(plain[len(plain) // 2][:10])))
    step = max(1, len(found) // 3)
    return found[::step][:3]


async def test_known_sentences_are_found_on_their_page(stack: Stack, api: Api, data_folder: Path) -> None:
    """Three sentences of each of ten PDFs lead to a passage of that PDF that covers their page."""
    pdfs = sorted((data_folder / "papers" / "pdf").glob("*.pdf"))[:10]
    await ingest(stack, data_folder / "papers" / "pdf", *(pdf.name for pdf in pdfs))
    asked, missed = 0, []
    listed = (await api.client.get("/documents", params={"collection": COLLECTION, "limit": 200})).json()["items"]
    sources = {item["filename"]: item["source_id"] for item in listed}
    for pdf in pdfs:
        for page, phrase in phrases(pdf):
            asked += 1
            filters = {"source_ids": [sources[pdf.name]]}
            hits = (await api.search(phrase, collection=COLLECTION, limit=3, filters=filters))["hits"]
            if not any(hit["page_start"] <= page <= hit["page_end"] for hit in hits):
                missed.append((pdf.name, page, phrase))
    assert asked >= 28
    assert not missed
