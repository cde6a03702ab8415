"""How a hit reads."""

from typing import Any

from cli.commands.searching import SNIPPET_CHARACTERS, build_filters, byline, place_of, snippet, window


def make_hit(**members: Any) -> dict[str, Any]:
    """Return a hit with the members a test is about."""
    return {"text": "", "highlights": [], "source": {}, "scores": {}} | members


def test_snippet_shows_the_first_highlight() -> None:
    """A long passage is cut around what matched; cuts are marked, line breaks become spaces."""
    text = "x " * 400 + "the instrument\nis valid" + " y" * 400
    start = text.index("instrument")
    shown = snippet(make_hit(text=text, highlights=[{"start": start, "end": start + 10}])).plain
    assert "the instrument is valid" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_a_short_passage_is_shown_whole() -> None:
    """Nothing is cut that fits."""
    assert snippet(make_hit(text="short")).plain == "short"


def test_window_stays_within_the_text() -> None:
    """Wherever the match is, the window lies inside the text and is as long as it may be."""
    for first in (0, 10, 500, 999):
        begin, end = window(1000, first)
        assert 0 <= begin <= first < end <= 1000
        assert end - begin == SNIPPET_CHARACTERS


def test_place_names_pages_and_section() -> None:
    """A passage on one page names it once; without pages the section stands alone."""
    assert place_of(make_hit(page_start=3, page_end=3, section=["Methods", "Data"])) == "p. 3 · Methods › Data"
    assert place_of(make_hit(page_start=3, page_end=4, section=[])) == "p. 3-4"
    assert place_of(make_hit(page_start=None, page_end=None, section=["Methods"])) == "Methods"


def test_byline_shortens_many_authors() -> None:
    """Three authors are named, more are et al.; a missing year leaves no gap."""
    assert byline({"authors": ["A", "B", "C", "D"], "year": 1994}) == "A, B, C et al. 1994"
    assert byline({"authors": ["A"]}) == "A"
    assert byline({}) == ""


def test_filters_hold_only_what_was_asked() -> None:
    """An empty filter is left out, so that the server filters nothing."""
    assert build_filters([], None, None, [], {}) == {}
    assert build_filters(["paper"], 1990, None, ["A"], {"k": "v"}) == {
        "source_type": ["paper"],
        "year_from": 1990,
        "authors": ["A"],
        "metadata": {"k": "v"},
    }
