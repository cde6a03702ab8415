"""POST /search on the real stack: the answer's shape, filters, degradation and refusals."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from functions.search.answers import SearchAnswer
from functions.search.main import create_app
from functions.search.settings import SearchSettings
from shared.resources import Resources
from tests.conftest import Api, Stack, free_port

pytestmark = pytest.mark.stack

DOCUMENTS: list[dict[str, Any]] = [
    {
        "title": "Instrumental variables in practice",
        "text": "An instrument moves the treatment and reaches the outcome through the treatment alone. "
        "Weak instruments bias two-stage least squares towards ordinary least squares.",
        "authors": ["Judea Pearl", "Angrist, Joshua"],
        "year": 2009,
        "external_id": "iv",
        "metadata": {"level": 1, "topic": "iv"},
    },
    {
        "title": "Regression discontinuity",
        "text": "Units just above and just below a cutoff are alike, so that their difference is causal.",
        "authors": ["Guido Imbens"],
        "year": 2008,
        "external_id": "rd",
        "source_type": "note",
        "metadata": {"level": 2, "topic": "rd"},
    },
    {
        "title": "Baking bread",
        "text": "Sourdough rises slowly; a hot oven and steam give the crust its colour.",
        "authors": ["Ada Baker"],
        "year": 1999,
        "external_id": "bread",
        "metadata": {"level": 1, "topic": "kitchen"},
    },
]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def library(api: Api) -> str:
    """A collection with DOCUMENTS, indexed."""
    name = "search-tests"
    await asyncio.gather(*(api.index(collection=name, **document) for document in DOCUMENTS))
    return name


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def without_triton(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The search function on the stack's database, its model server away."""
    settings = SearchSettings(
        database_url=stack.database_url, triton_url=f"http://127.0.0.1:{free_port()}", search_leg_timeout_s=1
    )
    resources = Resources(settings)
    transport = httpx.ASGITransport(create_app(settings, resources))
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://search", headers=headers) as client:
        yield client
    await resources.close()


def sources_of(answer: dict[str, Any]) -> list[str]:
    """Return the external ids of the hits' sources in order."""
    return [hit["source"]["external_id"] for hit in answer["hits"]]


def parts(answer: dict[str, Any]) -> set[str]:
    """Return what the answer had to do without."""
    return {entry["what"] for entry in answer["degraded"]}


async def test_example_call_is_answered(api: Api) -> None:
    """The documented example answers 200 and says that there is no graph."""
    answer = await api.search("instrumental variables", limit=10, context_type="balanced", use_graph=True, rerank=True)
    assert "graph" in parts(answer)
    assert answer["hits"]
    SearchAnswer.model_validate(answer)


async def test_answer_explains_itself(api: Api, library: str) -> None:
    """Both legs rank the right passage first; scores, ranks, highlights and timings are there and consistent."""
    answer = await api.search("weak instruments", collection=library, explain=True)
    SearchAnswer.model_validate(answer)
    first = answer["hits"][0]
    assert first["source"]["external_id"] == "iv"
    assert first["ranks"] == {"lexical": 1, "dense": 1, "rerank": None}
    assert first["scores"]["lexical"] > 0
    assert 0 < first["scores"]["dense"] <= 1
    assert answer["degraded"] == []
    marked = [first["text"][span["start"] : span["end"]].lower() for span in first["highlights"]]
    assert {"weak", "instruments"} <= set(marked)
    explained = first["explanation"]
    assert sum(term["score"] for term in explained["terms"]) == pytest.approx(first["scores"]["lexical"], rel=1e-4)
    combined = sum(explained["weights"][leg] * score for leg, score in explained["normalized"].items())
    assert combined == pytest.approx(first["scores"]["combined"])
    for stage in ("embed", "lexical", "dense", "fuse", "load", "total"):
        assert answer["took_ms"][stage] >= 0
    assert [hit["scores"]["combined"] for hit in answer["hits"]] == sorted(
        (hit["scores"]["combined"] for hit in answer["hits"]), reverse=True
    )


async def test_meaning_without_words(api: Api, library: str) -> None:
    """The dense leg finds what shares no word with the query; the lexical leg alone does not."""
    query = "loaf flour yeast"
    assert sources_of(await api.search(query, collection=library, legs=["dense"]))[0] == "bread"
    assert sources_of(await api.search(query, collection=library, legs=["lexical"])) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"source_type": "note"}, {"rd"}),
        ({"source_type": ["note", "textbook"]}, {"rd"}),
        ({"year_from": 2008}, {"iv", "rd"}),
        ({"year_from": 2008, "year_to": 2008}, {"rd"}),
        ({"authors": ["pearl"]}, {"iv"}),
        ({"authors": ["Angrist", "Ada Baker"]}, {"iv", "bread"}),
        ({"authors": ["Angri"]}, set()),
        ({"metadata": {"level": 1}}, {"iv", "bread"}),
        ({"metadata": {"level": 1, "topic": "iv"}}, {"iv"}),
        ({"metadata": {"level": "1"}}, set()),
        ({"collections": ["search-tests"]}, {"iv", "rd", "bread"}),
    ],
)
@pytest.mark.parametrize("leg", ["lexical", "dense"])
async def test_filters(api: Api, library: str, leg: str, filters: dict[str, Any], expected: set[str]) -> None:
    """Each filter leaves the sources it says, in either leg."""
    query = "treatment units cutoff oven crust instruments"
    answer = await api.search(query, collection=library, legs=[leg], filters=filters)
    assert set(sources_of(answer)) == expected


async def test_filter_by_source(api: Api, library: str) -> None:
    """A source's id leaves that source alone."""
    everything = await api.search("cutoff", collection=library, legs=["dense"])
    chosen = everything["hits"][-1]["source"]
    answer = await api.search("cutoff", collection=library, filters={"source_ids": [chosen["id"]]})
    assert set(sources_of(answer)) == {chosen["external_id"]}


async def test_reranker_is_named(api: Api, library: str) -> None:
    """Reranking says what did it, ranks every candidate and keeps all of them."""
    plain = await api.search("weak instruments", collection=library)
    answer = await api.search("weak instruments", collection=library, rerank=True)
    assert answer["reranker"]["method"] in {"cross-encoder", "late-interaction"}
    assert answer["reranker"]["model"]
    assert {hit["ranks"]["rerank"] for hit in answer["hits"]} == set(range(1, len(answer["hits"]) + 1))
    assert set(sources_of(answer)) == set(sources_of(plain))
    assert plain["reranker"] is None


async def test_query_of_stop_words_is_answered_honestly(api: Api, library: str) -> None:
    """Without a word to look up the lexical leg says so, and meaning still answers."""
    answer = await api.search("to be or not to be", collection=library)
    assert parts(answer) == {"lexical"}
    assert answer["hits"]


async def test_long_query_is_cut_for_the_dense_leg_and_said(api: Api, library: str) -> None:
    """4000 characters are searched; the model reads their beginning, which degraded tells."""
    answer = await api.search(("instrument treatment outcome " * 200)[:4000], collection=library)
    assert any(entry["what"] == "dense" and "longer" in entry["why"] for entry in answer["degraded"])
    assert answer["hits"]


@pytest.mark.parametrize("query", ["()|&!<->:*", "'; DROP TABLE passages; --", "🙂", "漢字", "a" * 4000, "%s $1 {0}"])
async def test_any_text_is_a_query(api: Api, library: str, query: str) -> None:
    """Operators, quotes, other scripts and single huge words are words or nothing, never an error."""
    SearchAnswer.model_validate(await api.search(query, collection=library))


@pytest.mark.parametrize("where", [{"collection": "no-such"}, {"filters": {"collections": ["no-such"]}}])
async def test_unknown_collection_is_named(api: Api, where: dict[str, Any]) -> None:
    """A collection that nobody has filled is a 404 that names it and says what to do."""
    response = await api.client.post("/search", json={"query": "x", **where})
    assert response.status_code == 404
    problem = response.json()
    assert problem["collections"] == ["no-such"]
    assert problem["action"]


async def test_key_sees_its_collections_only(api: Api, library: str) -> None:
    """A key limited to a collection finds nothing of another and cannot tell it from one that does not exist."""
    made = await api.client.post(
        "/keys", json={"name": "t", "tier": "standard", "scopes": ["search"], "collections": ["search-tests-2"]}
    )
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    everything = await api.client.post("/search", json={"query": "instruments"}, headers=headers)
    assert everything.status_code == 200
    assert everything.json()["hits"] == []
    hidden = await api.client.post("/search", json={"query": "x", "collection": library}, headers=headers)
    unknown = await api.client.post("/search", json={"query": "x", "collection": "none"}, headers=headers)
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    assert hidden.json()["title"] == unknown.json()["title"]
    await api.client.delete(f"/keys/{made.json()['id']}")


@pytest.mark.parametrize(
    "body", [{"query": ""}, {"query": "a\x00"}, {"query": "x" * 4001}, {"query": "a", "limit": 0}, {}]
)
async def test_invalid_request_says_what_to_correct(api: Api, body: dict[str, Any]) -> None:
    """A request that cannot be searched is a 422 problem naming the field."""
    response = await api.client.post("/search", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"]


async def test_index_version_moves_with_the_index(api: Api, library: str, collection: str) -> None:
    """The version stays while nothing changes and moves when a document comes in."""
    before = await api.search("instruments", collection=library)
    assert (await api.search("bread", collection=library))["index_version"] == before["index_version"]
    await api.index(collection=collection, title="Another", text="Something new altogether.")
    changed = await api.search("something", collection=collection)
    await api.index(collection=collection, title="Third", text="Something newer.")
    assert (await api.search("something", collection=collection))["index_version"] != changed["index_version"]


async def test_words_answer_while_the_model_server_is_away(without_triton: httpx.AsyncClient, library: str) -> None:
    """Without vectors the lexical leg answers, saying so, and reranking is left out."""
    body = {"query": "weak instruments", "collection": library, "rerank": True}
    response = await without_triton.post("/search", json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert parts(answer) == {"dense", "rerank"}
    assert sources_of(answer)[0] == "iv"
    assert answer["hits"][0]["scores"]["dense"] is None


async def test_no_leg_is_a_503(without_triton: httpx.AsyncClient, library: str) -> None:
    """When nothing that was asked for answers, the caller is told to come back."""
    response = await without_triton.post("/search", json={"query": "x", "collection": library, "legs": ["dense"]})
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "dense" in response.json()["detail"]


async def test_leg_that_is_late_is_left_out(stack: Stack, library: str, database: "asyncpg.Pool[Any]") -> None:
    """A lexical leg held up beyond its time costs the answer that leg alone."""
    settings = SearchSettings(database_url=stack.database_url, triton_url=stack.triton_url, search_leg_timeout_s=0.4)
    resources = Resources(settings)
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    transport = httpx.ASGITransport(create_app(settings, resources))
    async with httpx.AsyncClient(transport=transport, base_url="http://search", headers=headers) as client:
        body = {"query": "weak instruments", "collection": library}
        assert (await client.post("/search", json=body)).json()["degraded"] == []
        async with database.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE terms IN ACCESS EXCLUSIVE MODE")
            response = await client.post("/search", json=body)
    await resources.close()
    assert response.status_code == 200, response.text
    answer = response.json()
    assert parts(answer) == {"lexical"}
    assert sources_of(answer)[0] == "iv"
