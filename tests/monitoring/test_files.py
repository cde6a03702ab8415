"""Dashboards and rules are what their sources say, and each alert leads to a page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring.__main__ import BOARDS, FOLDER, files
from deploy.monitoring.symptoms import RUNBOOKS as PREFIX

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_generated_files_are_current(path: Path) -> None:
    """`python -m deploy.monitoring` would change nothing."""
    assert path.read_text(encoding="utf-8") == files()[path], f"run `python -m deploy.monitoring`: {path.name} is stale"


def test_no_other_dashboard_lies_there() -> None:
    """The folder holds the boards that are built, and no leftover."""
    assert {path.stem for path in (FOLDER / "dashboards").iterdir()} == set(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_asks_and_says_what_it_shows(name: str) -> None:
    """Each panel has a title, a description, a unit and at least one query, all of the chosen data source."""
    board = json.loads((FOLDER / "dashboards" / f"{name}.json").read_text(encoding="utf-8"))
    assert board["uid"] == f"research-kb-{name}"
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert panels
    for panel in panels:
        assert panel["title"], panel
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert all(target["expr"] for target in panel["targets"]), panel["title"]


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    """No two panels take the same place of the grid."""
    board = json.loads((FOLDER / "dashboards" / f"{name}.json").read_text(encoding="utf-8"))
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], f"{panel['title']} lies over {other}"


def alert_rules() -> list[dict[str, Any]]:
    """Return every alert; the rules of Kubernetes are those of compose and more."""
    groups = yaml.safe_load((FOLDER / "rules.k8s.yaml").read_text(encoding="utf-8"))["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_every_alert_links_its_page() -> None:
    """Each alert names a page that is there, and the page's index names the alert."""
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    for rule in alert_rules():
        url = rule["annotations"]["runbook_url"]
        page = RUNBOOKS / url.removeprefix(f"{PREFIX}/")
        assert url.startswith(f"{PREFIX}/"), rule["alert"]
        assert page.is_file(), f"{rule['alert']}: {page} is not there"
        assert re.search(rf"\({page.name}\).* \|.*\b{rule['alert']}\b", index), rule["alert"]


def test_every_page_belongs_to_an_alert() -> None:
    """No page is left over from an alert that is gone."""
    linked = {Path(rule["annotations"]["runbook_url"]).name for rule in alert_rules()} | {"README.md"}
    assert {page.name for page in RUNBOOKS.glob("*.md")} == linked
