"""Documents on their way from POST /documents to search, on the real stack."""

import asyncio
import json
import uuid
from typing import Any

import asyncpg
import pytest
from fpdf import FPDF

from tests.conftest import Api, Stack

pytestmark = pytest.mark.stack


def make_pdf(*pages: str) -> bytes:
    """Return a PDF with one paragraph a page."""
    pdf = FPDF()
    pdf.set_font("Helvetica", size=12)
    for text in pages:
        pdf.add_page()
        pdf.multi_cell(0, 8, text)
    return bytes(pdf.output())


async def test_json_document_becomes_searchable_by_words_and_meaning(api: Api, collection: str) -> None:
    """A document given as JSON is found by its words and by its meaning, with its bibliography."""
    status = await api.index(
        title="Rainfall as an instrument", abstract="Rain shifts harvests but not the demand for grain.",
        authors=["Ada Example"], year=2001, collection=collection, metadata={"topic": "iv"},
    )  # fmt: skip
    assert status["passages_total"] == status["passages_embedded"] == 1
    assert status["progress"] == 1
    for legs in (["lexical"], ["dense"]):
        hits = (await api.search("harvest rain", collection=collection, legs=legs))["hits"]
        assert [hit["source"]["title"] for hit in hits] == ["Rainfall as an instrument"]
        assert hits[0]["source"]["year"] == 2001


async def test_pdf_passages_know_their_page(api: Api, collection: str) -> None:
    """A passage of an uploaded PDF is found on the page on which it stands."""
    pages = [f"Chapter {n} speaks of nothing but {word} and its many uses. " * 24
             for n, word in enumerate(("heliotropes", "barometers", "sextants"), 1)]  # fmt: skip
    files = {"file": ("instruments.pdf", make_pdf(*pages), "application/pdf")}
    response = await api.client.post("/documents", files=files, data={"collection": collection, "title": "Instruments"})
    assert response.status_code == 202, response.text
    assert (await api.settled(response.json()["id"]))["pages"] == 3
    hit = (await api.search("barometers", collection=collection, legs=["lexical"]))["hits"][0]
    assert (hit["page_start"], hit["page_end"]) == (2, 2)


async def test_same_document_again_changes_nothing(api: Api, database: "asyncpg.Pool[Any]", collection: str) -> None:
    """The same bytes again are answered 200 with duplicate, and no row changes."""
    document = {"title": "Twice", "text": "Said once, kept once.", "collection": collection}
    first = await api.submit(**document)
    await api.settled(first["id"])
    before = await snapshot(database)
    response = await api.client.post("/documents", json=document)
    assert response.status_code == 200
    assert response.json() == {**first, "duplicate": True}
    assert await snapshot(database) == before


async def snapshot(database: "asyncpg.Pool[Any]") -> dict[str, Any]:
    """Return counts and newest changes of the tables that documents live in."""
    tables = ("sources", "documents", "passages", "postings", "terms", "embeddings")
    counts = {name: await database.fetchval(f"SELECT count(*) FROM {name}") for name in tables}
    counts["changed"] = await database.fetchval("SELECT max(updated_at) FROM documents")
    return counts


async def test_changed_document_replaces_the_old_one_without_a_gap(api: Api, collection: str) -> None:
    """While a new version is on its way the old one answers; afterwards only the new one does."""
    common = {"external_id": "report-7", "collection": collection}
    old = await api.index(title="Report", text="The committee counted seventeen pelicans.", **common)
    receipt = await api.submit(title="Report", text="The committee counted eighteen pelicans.", **common)
    assert receipt["source_id"] == old["source_id"]
    seen = set()
    while True:
        hits = (await api.search("pelicans", collection=collection))["hits"]
        assert len(hits) == 1, "the source must be found throughout, once"
        seen.add("eighteen" in hits[0]["text"])
        if (await api.client.get(f"/documents/{receipt['id']}")).json()["state"] == "indexed":
            break
    hits = (await api.search("pelicans", collection=collection))["hits"]
    assert ["eighteen" in hit["text"] for hit in hits] == [True]
    assert (await api.client.get(f"/documents/{old['id']}")).json()["state"] == "superseded"


async def test_bad_lines_hold_up_no_good_ones(api: Api, collection: str) -> None:
    """Of an NDJSON body each bad line is answered with its problem; the good ones are indexed."""
    good = [
        {"title": f"Line {n}", "text": f"Number {n} tells of ravens.", "collection": collection} for n in range(1000)
    ]
    bad = ["{not json", json.dumps({"year": 1999}), json.dumps({"text": "x", "year": "soon"}), json.dumps([1])]
    body = "\n".join([*bad, "", *map(json.dumps, good)])
    headers = {"Content-Type": "application/x-ndjson"}
    response = await api.client.post("/documents", content=body, headers=headers)
    assert response.status_code == 202, response.text
    items = response.json()["items"]
    assert [item["line"] for item in items if "problem" in item] == [1, 2, 3, 4]
    assert all("action" in item["problem"] for item in items[:4])
    accepted = [item for item in items if "id" in item]
    assert len(accepted) == 1000
    for item in accepted[-5:]:
        assert (await api.settled(item["id"], 180))["state"] == "indexed"


async def test_parallel_submissions_of_one_source_leave_one_version(api: Api, collection: str) -> None:
    """Ten versions sent at once end as one searchable source, the others superseded or replaced."""
    texts = [f"Version {n} of the almanac." for n in range(10)]
    receipts = await asyncio.gather(
        *(api.submit(title="Almanac", text=text, external_id="almanac", collection=collection) for text in texts)
    )
    states = [(await api.settled(receipt["id"]))["state"] for receipt in receipts]
    for receipt, state in zip(receipts, states, strict=True):  # a version indexed first is superseded later
        if state == "indexed":
            await api.settled(receipt["id"])
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        final = [(await api.client.get(f"/documents/{r['id']}")).json()["state"] for r in receipts]
        if sorted(final) == ["indexed"] + ["superseded"] * 9:
            break
        assert asyncio.get_running_loop().time() < deadline, final
        await asyncio.sleep(0.2)
    hits = (await api.search("almanac", collection=collection))["hits"]
    assert len(hits) == 1


async def test_delete_leaves_no_trace_in_any_table(api: Api, database: "asyncpg.Pool[Any]", collection: str) -> None:
    """After DELETE /sources/{id} no row of any table holds the source's id, its document's id, or its rarest word."""
    word = f"zyx{uuid.uuid4().hex[:10]}"
    status = await api.index(title=f"The {word}", text=f"Nobody has seen a {word}.", collection=collection)
    response = await api.client.delete(f"/sources/{status['source_id']}")
    assert response.status_code == 204, response.text
    marks = [status["source_id"], status["id"], word]
    deadline = asyncio.get_running_loop().time() + 15
    while found := await traces(database, marks):
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.2)
    assert (await api.search(word, collection=None, legs=["lexical"]))["hits"] == []
    assert (await api.client.get(f"/documents/{status['id']}")).status_code == 404


async def traces(database: "asyncpg.Pool[Any]", marks: list[str]) -> list[str]:
    """Return the tables with a row that holds one of the marks in any column."""
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [
        row["tablename"]
        for row in tables
        if await database.fetchval(
            f"SELECT EXISTS (SELECT FROM {row['tablename']} t WHERE t::text LIKE ANY ($1))", [f"%{m}%" for m in marks]
        )
    ]


@pytest.mark.parametrize(
    ("content", "headers", "status", "slug"),
    [
        (b"", {"Content-Type": "application/json"}, 422, "invalid-request"),
        (b"{}", {"Content-Type": "application/json"}, 422, "empty-document"),
        (b'{"text": "   "}', {"Content-Type": "application/json"}, 422, "empty-document"),
        (b'{"text": "a\\u0000b"}', {"Content-Type": "application/json"}, 422, "invalid-request"),
        (b'{"text": "a", "collection": "a/b"}', {"Content-Type": "application/json"}, 422, "invalid-request"),
        (b'{"text": "\xff"}', {"Content-Type": "application/json"}, 422, "invalid-request"),
        (b"hello", {"Content-Type": "text/plain"}, 415, "unsupported-content-type"),
        (b"\n\n", {"Content-Type": "application/x-ndjson"}, 422, "empty-body"),
        (b"--x", {"Content-Type": "multipart/form-data; boundary=x"}, 422, "missing-file"),
        (b"junk", {"Content-Type": "multipart/form-data"}, 400, "malformed-form"),
    ],
)
async def test_bad_requests_say_what_to_do(
    api: Api, content: bytes, headers: dict[str, str], status: int, slug: str
) -> None:
    """Each bad request is answered with a problem that names what is wrong and what to do."""
    response = await api.client.post("/documents", content=content, headers=headers)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"].endswith(slug)
    assert problem["action"]


async def test_a_body_over_the_limit_is_refused_at_once(stack: Stack) -> None:
    """200 MB are refused with 413 by their declared length, before they are sent."""
    host, port = stack.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /documents HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {stack.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {200 * 2**20}\r\n\r\n"
    )
    writer.write(head.encode() + b'{"text": "')
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"urn:research-kb:problem:body-too-large" in answer
