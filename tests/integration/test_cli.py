"""The command line against a running stack: what a person and a program see."""

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Stack

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.stack


class Commands:
    """Runs `research-kb` as a program of its own, without a terminal."""

    def __init__(self, stack: "Stack") -> None:
        self._stack = stack

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            self._stack.command(*arguments),
            cwd=ROOT,
            env=os.environ | self._stack.environment() | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def read(self, *arguments: str, **variables: str) -> Any:
        """Run a command with --json that must succeed; return what it printed."""
        done = self.run(*arguments, "--json", **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def commands(stack: "Stack") -> Commands:
    """The command line of the session's stack."""
    return Commands(stack)


@pytest.fixture
def collection() -> str:
    """A collection that no other test uses."""
    return f"cli-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A folder with a Markdown file, records, an index that is none of them, and a file of another kind."""
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "iv.md").write_text("# Instruments\n\nAn instrument shifts the treatment and nothing else.\n")
    records = [
        {"title": "Matching", "text": "Matching compares treated units with similar untreated ones.", "year": 1983},
        {"title": "Discontinuity", "text": "Units just above a cutoff resemble those just below it."},
    ]
    (folder / "more.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "index.jsonl").write_text('{"title": "no text here"}\n')
    (folder / "plot.R").write_text("plot(1)")
    return folder


def test_ingest_waits_counts_and_is_idempotent(commands: Commands, papers: Path, collection: str) -> None:
    """A folder is loaded and indexed when the command returns; a second time nothing is new."""
    first = commands.read("ingest", str(papers), "--collection", collection)
    assert (first["new"], first["unchanged"], first["indexed"], first["failed"]) == (3, 0, 3, 0)
    second = commands.read("ingest", str(papers), "--collection", collection)
    assert (second["new"], second["unchanged"], second["indexed"], second["failed"]) == (0, 3, 3, 0)
    assert commands.read("stats", "--collection", collection)["sources"] == 3


def test_a_failed_document_is_named_and_ends_with_1(commands: Commands, tmp_path: Path, collection: str) -> None:
    """One broken file beside a good one: the good one is indexed, the broken one named with its reason; exit code 1."""
    (tmp_path / "good.md").write_text("# Good\n\nThis document is fine.\n")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing that follows makes sense")
    done = commands.run("ingest", str(tmp_path), "--collection", collection, "--json")
    assert done.returncode == 1
    outcome = json.loads(done.stdout)
    assert (outcome["indexed"], outcome["failed"]) == (1, 1)
    [failure] = outcome["failures"]
    assert failure["place"].endswith("broken.pdf")
    assert failure["problem"]["title"]


def test_a_bad_line_holds_up_no_good_one(commands: Commands, tmp_path: Path, collection: str) -> None:
    """Of three lines, one no JSON and one with a wrong year, the good one is indexed, the others named by line."""
    path = tmp_path / "docs.jsonl"
    path.write_text('{"title": "a", "text": "a text about weak instruments"}\n{broken\n{"text": "b", "year": "soon"}\n')
    done = commands.run("ingest", str(path), "--collection", collection, "--json")
    assert done.returncode == 1
    outcome = json.loads(done.stdout)
    assert outcome["indexed"] == 1
    assert sorted(failure["place"].rsplit(":", 1)[1] for failure in outcome["failures"]) == ["2", "3"]


def test_search_reads_well_and_parses(commands: Commands, papers: Path, collection: str) -> None:
    """A person reads title and passage; a program gets the server's answer as it is."""
    commands.read("ingest", str(papers), "--collection", collection)
    question = ("search", "what is an instrument", "--collection", collection)
    done = commands.run(*question)
    assert done.returncode == 0, done.stderr
    assert "Instruments" in done.stdout
    assert "shifts the treatment" in done.stdout
    answer = commands.read(*question, "--limit", "2", "--explain")
    assert answer["hits"][0]["source"]["title"] == "Instruments"
    only = commands.read("search", "units", "--collection", collection, "--year-to", "1990", "--leg", "lexical")
    assert {hit["source"]["title"] for hit in only["hits"]} == {"Matching"}


def test_sources_documents_and_deletion(commands: Commands, papers: Path, collection: str) -> None:
    """What was loaded is listed, shown with its passages, and gone after its deletion."""
    commands.read("ingest", str(papers), "--collection", collection)
    sources = commands.read("sources", "list", "--collection", collection)
    assert {source["title"] for source in sources} == {"Instruments", "Matching", "Discontinuity"}
    chosen = next(source["id"] for source in sources if source["title"] == "Matching")
    assert commands.read("sources", "show", chosen)["title"] == "Matching"
    assert "similar untreated" in commands.read("sources", "passages", chosen)[0]["text"]
    documents = commands.read("documents", "list", "--collection", collection, "--state", "indexed")
    assert commands.read("documents", "show", documents[0]["id"])["state"] == "indexed"
    commands.read("sources", "delete", chosen, "--yes")
    assert len(commands.read("sources", "list", "--collection", collection)) == 2
    commands.read("collections", "delete", collection, "--yes")
    assert commands.read("sources", "list", "--collection", collection) == []


def test_keys_are_made_listed_used_and_revoked(commands: Commands) -> None:
    """A key made here opens what its scopes say until it is revoked; then the refusal says so."""
    made = commands.read("keys", "create", "for a test", "--tier", "free", "--scope", "read")
    assert made["id"] in {key["id"] for key in commands.read("keys", "list")}
    assert commands.read("keys", "usage", RESEARCH_KB_API_KEY=made["key"])["key_id"] == made["id"]
    refused = commands.run("search", "anything", RESEARCH_KB_API_KEY=made["key"])
    assert refused.returncode == 1
    assert "what to do" in refused.stderr
    assert commands.run("keys", "revoke", made["id"]).returncode == 0
    assert commands.run("stats", RESEARCH_KB_API_KEY=made["key"]).returncode == 1


def test_an_error_leaves_stdout_empty_and_is_json_when_asked(commands: Commands) -> None:
    """A program that reads stdout never meets an error there; with --json the problem is one line on stderr."""
    done = commands.run("sources", "show", str(uuid.uuid4()), "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert json.loads(done.stderr)["status"] == 404


def test_health_and_dead_letters_answer(commands: Commands) -> None:
    """A healthy stack says so with exit code 0; the list of dead letters is a list."""
    assert commands.run("health").returncode == 0
    assert isinstance(commands.read("events", "dead-letters", "list"), list)


def test_eval_measures_each_system_and_leaves_no_key(commands: Commands, tmp_path: Path) -> None:
    """A set whose answers are plain scores 1 in each system, twice with the same documents, and revokes its key."""
    folder = tmp_path / f"set-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    topics = {"1": "volcanic ash and air traffic", "2": "sourdough bread fermentation", "3": "migration of storks"}
    (folder / "docs.jsonl").write_text(
        "".join(
            json.dumps({"id": name, "title": text, "text": f"A study of {text}."}) + "\n"
            for name, text in topics.items()
        )
    )
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"id": f"q{name}", "text": text}) + "\n" for name, text in topics.items())
    )
    lines = [f"q{name}\t{name}\t1" for name in topics]
    (folder / "qrels.tsv").write_text("\n".join(["query-id\tdoc-id\tscore", *lines]) + "\n")
    result = commands.read("eval", str(folder))
    assert [system["system"] for system in result["systems"]] == ["lexical", "dense", "hybrid", "hybrid+rerank"]
    assert all(system["ndcg_at_10"] == 1 and system["queries"] == 3 for system in result["systems"])
    assert commands.read("eval", str(folder), "--system", "hybrid")["ingest"]["unchanged"] == 3
    live = [key for key in commands.read("keys", "list") if not key["revoked_at"]]
    assert not [key for key in live if result["collection"] in (key["collections"] or [])]
    commands.read("collections", "delete", result["collection"], "--yes")
