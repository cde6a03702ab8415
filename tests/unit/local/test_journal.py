"""Log files: readable, followed, bounded."""

import json
from pathlib import Path

import pytest

from local import journal
from local.journal import Follower, format_line, read_last, rotate_logs


def test_a_json_line_reads_event_first() -> None:
    """Time, function, event, then the fields; no braces."""
    fields = {"status": 200, "event": "request_served", "function": "search", "timestamp": "2026-01-02T03:04:05Z"}
    line = json.dumps(fields | {"level": "info"})
    assert format_line("functions", line, colour=False) == "functions 03:04:05 search request_served status=200"


def test_a_warning_says_so() -> None:
    """The level shows where it matters."""
    assert "WARNING bridge" in format_line("bridge", '{"event": "x", "level": "warning", "component": "bridge"}', False)


@pytest.mark.parametrize("line", ["plain text", "{not json", ""])
def test_other_lines_stay_as_they_are(line: str) -> None:
    """Postgres, Kafka and Triton write their own formats."""
    assert format_line("kafka", line, colour=False) == f"kafka     {line}"


def test_a_follower_yields_whole_new_lines_once(tmp_path: Path) -> None:
    """What was there before it came is not repeated, and half a line waits for its end."""
    log = tmp_path / "kafka.log"
    log.write_text("old\n")
    follower = Follower(tmp_path)
    with log.open("a") as file:
        file.write("one\ntw")
        file.flush()
        assert list(follower.read_new()) == [("kafka", "one")]
        file.write("o\n")
    (tmp_path / "bridge.log").write_text("hello\n")
    assert list(follower.read_new()) == [("bridge", "hello"), ("kafka", "two")]
    assert list(follower.read_new()) == []


def test_a_large_file_is_set_aside_and_its_writer_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One older generation is kept; the follower starts over in the emptied file."""
    monkeypatch.setattr(journal, "ROTATE_BYTES", 10)
    with (tmp_path / "kafka.log").open("a") as writer:
        writer.write("a line longer than that\n")
        writer.flush()
        follower = Follower(tmp_path)
        rotate_logs(tmp_path)
        writer.write("next\n")
    assert (tmp_path / "kafka.log.1").read_text() == "a line longer than that\n"
    assert list(follower.read_new()) == [("kafka", "next")]
    assert list(read_last(tmp_path, 5)) == [("kafka", "next")]
