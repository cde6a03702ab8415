"""Runbooks name what is there: panels, commands, metrics, log events."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.main import app
from deploy.monitoring.__main__ import FOLDER
from tests.conftest import ROOT
from tests.monitoring.names import exported, used

PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
PANEL = re.compile(r'[Bb]oard \*([a-z ]+)\*, "([^"]+)"')
COMMAND = re.compile(r"`research-kb ([a-z -]+[a-z])")
LOGGED = re.compile(r'`"event": "(\w+)"`')


def test_the_patterns_find_something() -> None:
    """None of the checks below is empty."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert all(pattern.search(text) for pattern in (PANEL, COMMAND, LOGGED))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_panels_are_on_their_boards(page: Path) -> None:
    """A board by its title, a panel by its own."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in (FOLDER / "dashboards").glob("*.json")]
    titles = {board["title"].removeprefix("research-kb: "): {p["title"] for p in board["panels"]} for board in boards}
    for board, panel in PANEL.findall(page.read_text(encoding="utf-8")):
        assert board in titles, board
        assert any(title.startswith(panel) for title in titles[board]), f"{board}: {panel}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_exist(page: Path) -> None:
    """Each word after research-kb leads to a command or a group of them; options are that command's."""
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = line.split()
        command: Any = typer.main.get_command(app)
        while hasattr(command, "commands"):  # a group; whose class it is depends on the version of typer
            assert words, line
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_metrics_and_log_events_exist(page: Path) -> None:
    """What a page tells to look at is exported, or written by a line of ours."""
    text = page.read_text(encoding="utf-8")
    ours = {name for name in used(text) if name.startswith("research_kb")}
    assert ours <= set(exported())
    code = "".join(path.read_text(encoding="utf-8") for folder in ("functions", "shared", "events")
                   for path in (ROOT / folder).rglob("*.py"))  # fmt: skip
    assert all(f'"{event}"' in code for event in LOGGED.findall(text))
