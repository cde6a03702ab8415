"""What `ingest` finds and how it packs records."""

import json
from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.files import BYTES_A_REQUEST, LINES_A_REQUEST, chunk_lines, find, read_records


def write(path: Path, text: str = "text") -> Path:
    """Write a small file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_folder_is_walked_in_order_and_other_kinds_are_counted(tmp_path: Path) -> None:
    """Known kinds below a folder are found in a stable order; hidden and unknown ones are left out, the latter said."""
    for name in ("b/paper.PDF", "a.md", "b/c/d.tex", ".git/config.txt", "data.Rnw", "Makefile"):
        write(tmp_path / name)
    found = find([tmp_path])
    assert [file.name for file in found.files] == ["a.md", "b/c/d.tex", "b/paper.PDF"]
    assert found.files[2].media_type == "application/pdf"
    assert dict(found.other) == {".rnw": 1, "no suffix": 1}


def test_a_file_named_twice_is_sent_once(tmp_path: Path) -> None:
    """A folder and a file in it give that file once."""
    path = write(tmp_path / "a.md")
    assert len(find([path, tmp_path, path]).files) == 1


def test_an_index_beside_papers_is_left_out_unless_named(tmp_path: Path) -> None:
    """Records without text or abstract are no documents: left out of a walk with a remark, taken when named."""
    index = write(tmp_path / "index.jsonl", '{"title": "a", "pages": 3}\n')
    abstracts = write(tmp_path / "abstracts.jsonl", '{"title": "a", "abstract": "b"}\n')
    found = find([tmp_path])
    assert found.records == [abstracts]
    assert "index.jsonl" in found.remarks[0]
    assert find([index]).records == [index]


@pytest.mark.parametrize("name", ["missing.pdf", "table.xlsx"])
def test_a_path_that_cannot_be_loaded_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """A path that is not there and a file of an unknown kind end the command with exit code 2."""
    if name == "table.xlsx":
        write(tmp_path / name)
    with pytest.raises(UsageError) as failure:
        find([tmp_path / name])
    assert failure.value.exit_code == 2


def test_records_keep_their_place_and_bad_ones_their_reason(tmp_path: Path) -> None:
    """Line numbers count blank lines; what is not a JSON object says so and holds up no other line."""
    path = write(tmp_path / "a.jsonl", '{"title": "a"}\n\nnot json\n[1]\n{"title": "b"}\n')
    records = list(read_records(path))
    assert [record.where.rsplit(":", 1)[1] for record in records] == ["1", "3", "4", "5"]
    assert [record.document for record in records] == [{"title": "a"}, None, None, {"title": "b"}]
    assert records[2].reason == "not a JSON object"


def test_a_json_file_holds_one_record_or_a_list(tmp_path: Path) -> None:
    """An object is one document, a list many."""
    one = write(tmp_path / "one.json", json.dumps({"title": "a"}))
    many = write(tmp_path / "many.json", json.dumps([{"title": "a"}, {"title": "b"}]))
    assert len(list(read_records(one))) == 1
    assert [record.where for record in read_records(many)] == [f"{many}[1]", f"{many}[2]"]


def test_chunks_stay_within_lines_and_bytes() -> None:
    """No chunk exceeds either bound, unless one line does alone; every line is in one chunk, in order."""
    short = [(str(number), b"x") for number in range(LINES_A_REQUEST * 2 + 1)]
    assert [len(chunk.lines) for chunk in chunk_lines(short)] == [LINES_A_REQUEST, LINES_A_REQUEST, 1]
    long = [(str(number), b"x" * (BYTES_A_REQUEST // 2 - 1)) for number in range(5)]
    assert [chunk.places for chunk in chunk_lines(long)] == [["0", "1"], ["2", "3"], ["4"]]
    huge = [("0", b"x" * (BYTES_A_REQUEST + 1)), ("1", b"y")]
    assert [chunk.places for chunk in chunk_lines(huge)] == [["0"], ["1"]]
    assert list(chunk_lines([])) == []
