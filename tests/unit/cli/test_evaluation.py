"""Reading test sets and measuring answers."""

from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.evaluation import Answer, collection_name, measure, unlike
from cli.evaluation_set import EvaluationSet, read_evaluation_set, records


def write_evaluation_set(folder: Path) -> Path:
    """Write a test set of three documents, one of them empty, and two queries, one without a relevant document."""
    docs = ['{"id": "1", "title": "a", "text": "b"}', '{"id": "2", "title": "", "text": ""}']
    docs.append('{"id": "3", "title": "only a title", "text": ""}')
    (folder / "docs.jsonl").write_text("\n".join(docs))
    (folder / "queries.jsonl").write_text('{"id": "q", "text": "what"}\n{"id": "r", "text": "who"}\n')
    (folder / "qrels.tsv").write_text("query-id\tdoc-id\tscore\nq\t1\t2\nq\t3\t1\nr\t1\t0\n")
    return folder


def test_only_queries_with_a_relevant_document_are_asked(tmp_path: Path) -> None:
    """A query that nothing answers says nothing about a system."""
    evaluation_set = read_evaluation_set(write_evaluation_set(tmp_path))
    assert evaluation_set.queries == {"q": "what"}
    assert evaluation_set.judgements["q"] == {"1": 2, "3": 1}


def test_documents_are_known_by_their_id_and_empty_ones_named(tmp_path: Path) -> None:
    """The id becomes external_id; a title alone is a text; a document with neither is left out and named."""
    empty: list[str] = []
    found = [
        record.document for record in records(read_evaluation_set(write_evaluation_set(tmp_path)), "eval-x", empty)
    ]
    assert [document["external_id"] for document in found if document] == ["1", "3"]
    assert found[1] == {"external_id": "3", "title": "only a title", "text": "only a title", "collection": "eval-x"}
    assert empty == ["2"]


@pytest.mark.parametrize("name", ["docs.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """What is not there is said by name, with exit code 2."""
    (write_evaluation_set(tmp_path) / name).unlink()
    with pytest.raises(UsageError, match=name):
        read_evaluation_set(tmp_path)


def test_a_split_has_files_of_its_own(tmp_path: Path) -> None:
    """--split train reads queries_train.jsonl and qrels_train.tsv, the documents stay the same."""
    with pytest.raises(UsageError, match=r"qrels_train\.tsv"):
        read_evaluation_set(write_evaluation_set(tmp_path), "train")


def test_measures_are_means_over_queries() -> None:
    """One perfect and one empty answer give half of everything; degraded answers are counted by reason."""
    evaluation_set = EvaluationSet("t", Path("docs.jsonl"), {"q": "x", "r": "y"}, {"q": {"1": 1}, "r": {"2": 1}})
    answers = {"q": Answer(["1"], 0.010, [], None), "r": Answer([], 0.030, ["dense"], None)}
    measured = measure("hybrid", evaluation_set, answers)
    assert (measured.ndcg_at_10, measured.map_at_100, measured.recall_at_100, measured.mrr) == (0.5, 0.5, 0.5, 0.5)
    assert (measured.p50_ms, measured.p95_ms) == (10, 30)
    assert measured.degraded == {"dense": 1}


def test_variants_of_a_query_differ_only_in_spaces() -> None:
    """No two systems send the same bytes, all send the same words."""
    variants = [unlike("what is an instrument", variant) for variant in range(4)]
    assert len(set(variants)) == 4
    assert {" ".join(variant.split()) for variant in variants} == {"what is an instrument"}


def test_collection_name_is_plain() -> None:
    """A folder's name in any spelling gives a collection that needs no quoting."""
    assert collection_name("SciFact (BEIR)") == "eval-scifact-beir"
