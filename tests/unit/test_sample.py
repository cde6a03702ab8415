"""The sample corpus is complete, consistent, and what its PDFs show."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pypdfium2
import pytest
import yaml

SAMPLE: Final = Path(__file__).parents[2] / "sample"
ARTICLES: Final = sorted((SAMPLE / "articles").glob("*.md"))
PDFS: Final = sorted((SAMPLE / "articles").glob("*.pdf"))
MATH: Final = re.compile(r"\$([^$]+)\$")
LINK: Final = re.compile(r"\[[^\]]+\]\(([^)]+)\)")

each_article = pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.stem)
each_pdf = pytest.mark.parametrize("path", PDFS, ids=lambda path: path.stem)


def split(path: Path) -> tuple[dict[str, Any], str]:
    """Return an article's front matter and its body."""
    _, matter, body = path.read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(matter), body


def page_texts(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as document:
        return [page.get_textpage().get_text_range() for page in document]


def load_make_pdfs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pdfs", SAMPLE / "make_pdfs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sample_has_about_thirty_articles_and_two_pdfs_of_them() -> None:
    """Some thirty articles, all names in kebab case; both PDFs stand beside the article they lay out."""
    assert 28 <= len(ARTICLES) <= 36
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", path.stem) for path in ARTICLES)
    assert len(PDFS) == 2
    assert {path.stem for path in PDFS} <= {path.stem for path in ARTICLES}


def test_titles_are_unique() -> None:
    """No two articles share a title."""
    titles = [split(path)[0]["title"] for path in ARTICLES]
    assert len(set(titles)) == len(titles)


@each_article
def test_article_has_its_front_matter(path: Path) -> None:
    """Title, authors, year, tags and at least two references, each with authors, year, title and venue."""
    matter, _ = split(path)
    assert set(matter) == {"title", "authors", "year", "tags", "references"}
    assert matter["authors"] == ["research-kb contributors"]
    assert matter["year"] == 2026
    assert len(matter["tags"]) >= 2
    assert len(matter["references"]) >= 2
    for work in matter["references"]:
        assert set(work) - {"doi"} == {"authors", "year", "title", "venue"}
        assert 1900 < work["year"] <= 2026
        assert re.fullmatch(r"10\.\d{4,5}/\S+", work.get("doi", "10.1000/none"))


@each_article
def test_article_cites_every_reference(path: Path) -> None:
    """Each listed work is named in the text by its first author's family name and its year."""
    matter, body = split(path)
    for work in matter["references"]:
        family = work["authors"][0].split(",")[0]
        assert family in body, work["title"]
        assert str(work["year"]) in body, work["title"]


@each_article
def test_article_has_length_and_sections(path: Path) -> None:
    """300 to 750 words in at least three sections, none of the first level: that is the title in the front matter."""
    _, body = split(path)
    assert 300 <= len(body.split()) <= 750
    assert len(re.findall(r"^## \S", body, re.MULTILINE)) >= 3
    assert not re.search(r"^# ", body, re.MULTILINE)


@each_article
def test_links_lead_to_other_articles(path: Path) -> None:
    """Each article links to at least two others, all of which exist, and never to itself."""
    targets = set(LINK.findall(MATH.sub("", split(path)[1])))
    assert len(targets) >= 2
    assert path.name not in targets
    assert targets <= {article.name for article in ARTICLES}


@each_article
def test_formulas_are_closed(path: Path) -> None:
    """Dollar signs pair up within a paragraph, and brackets within a formula."""
    for paragraph in split(path)[1].split("\n\n"):
        assert paragraph.count("$") % 2 == 0, paragraph
        for formula in MATH.findall(paragraph):
            assert formula.count("{") == formula.count("}"), formula
            assert formula.count("(") == formula.count(")"), formula
            assert not formula.startswith(" "), formula


def test_every_article_is_linked_from_another() -> None:
    """Nobody has to know an article's name to find it."""
    linked = {target for path in ARTICLES for target in LINK.findall(split(path)[1])}
    assert linked == {path.name for path in ARTICLES}


def test_same_work_is_cited_in_the_same_way_everywhere() -> None:
    """Two articles that cite one work agree on every field, so that it is one work to the search service."""
    works: dict[tuple[str, int], dict[str, Any]] = {}
    for path in ARTICLES:
        for work in split(path)[0]["references"]:
            assert works.setdefault((work["title"], work["year"]), work) == work
    dois = [work["doi"] for work in works.values() if "doi" in work]
    assert len(set(dois)) == len(dois)


def test_questions_name_existing_articles() -> None:
    """Twenty different questions, each answered by an article that is there."""
    questions = [json.loads(line) for line in (SAMPLE / "questions.jsonl").read_text("utf-8").splitlines()]
    assert len({entry["question"] for entry in questions}) == 20
    assert all(set(entry) == {"question", "file"} for entry in questions)
    assert {entry["file"] for entry in questions} <= {path.name for path in ARTICLES}


@each_pdf
def test_pdf_shows_its_article(path: Path) -> None:
    """Two or more numbered pages under 100 kB, with the article's title, its sections and its references."""
    matter, body = split(path.with_suffix(".md"))
    texts = page_texts(path)
    assert path.stat().st_size < 100_000
    assert len(texts) >= 2
    assert texts[0].startswith(matter["title"])
    assert [text.split()[-1] for text in texts] == [str(number) for number in range(1, len(texts) + 1)]
    whole = " ".join(" ".join(texts).split())
    for expected in [*re.findall(r"^## (.+)$", body, re.MULTILINE), *(work["title"] for work in matter["references"])]:
        assert expected in whole


@each_pdf
def test_pdf_is_reproducible_and_current(path: Path, tmp_path: Path) -> None:
    """The script gives the same bytes twice, and their text is that of the committed file."""
    make_pdfs = load_make_pdfs()
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    make_pdfs.main(tmp_path / "first")
    make_pdfs.main(tmp_path / "second")
    assert (tmp_path / "first" / path.name).read_bytes() == (tmp_path / "second" / path.name).read_bytes()
    assert page_texts(tmp_path / "first" / path.name) == page_texts(path)
