"""PDFs made for the purpose: columns, headers, hyphens, headings, page numbers, refusals."""

import itertools

import pytest
from fpdf import FPDF

from functions.extract.document import Extracted
from functions.extract.failures import ExtractionFailed
from functions.extract.limits import Limits
from functions.extract.parsers import pdf
from tests.malformed import pdfs

WORDS = [
    "estimator", "variance", "sample", "regression", "treatment", "outcome", "covariate", "instrument",
    "propensity", "matching", "weight", "balance", "bias", "effect", "design", "model", "error", "bound", "kernel",
    "cluster", "panel", "trend", "survey", "cohort", "hazard", "quantile",
]  # fmt: skip


def prose(seed: int, words: int) -> str:
    """Return sentences of eight words, no two of which are the same."""
    chosen = (WORDS[(seed + step * step * 7 + step) % len(WORDS)] for step in itertools.count())
    out = []
    for number in range(words // 8):
        sentence = " ".join(itertools.islice(chosen, 7))
        out.append(f"{sentence.capitalize()} x{seed}y{number}.")
    return " ".join(out)


class Paper(FPDF):
    """Pages with a running header and a page number."""

    def header(self) -> None:
        self.set_font("Times", "I", 9)
        self.text(20, 10, "A running header of the journal")

    def footer(self) -> None:
        self.set_font("Times", "", 9)
        self.text(105, 290, str(self.page_no()))


def write(made: FPDF, height: float, text: str, align: str = "L") -> None:
    made.multi_cell(0, height, text, align=align, new_x="LMARGIN", new_y="NEXT")


def paper(title: str = "Estimating Things That Matter") -> Paper:
    made = Paper()
    made.set_margins(20, 20)
    made.add_page()
    made.set_font("Times", "B", 18)
    write(made, 9, title, align="C")
    made.set_font("Times", "", 12)
    write(made, 7, "Ann Alpha and Bo Beta", align="C")
    made.ln(6)
    return made


def section(made: FPDF, heading: str, *paragraphs: str) -> None:
    made.set_font("Times", "B", 14)
    write(made, 12, heading)
    made.set_font("Times", "", 10)
    for paragraph in paragraphs:
        write(made, 5, paragraph, align="L")
        made.ln(3)


def parse(made: FPDF) -> Extracted:
    return pdf.parse(bytes(made.output()), Limits())


def headings(extracted: Extracted) -> list[str]:
    return [extracted.text[block.start : block.end] for block in extracted.blocks if block.kind == "heading"]


def body(extracted: Extracted) -> list[str]:
    return [extracted.text[block.start : block.end] for block in extracted.body()]


@pytest.fixture(scope="module")
def article() -> Extracted:
    made = paper()
    section(made, "1 Introduction", prose(1, 400), prose(2, 400))
    section(made, "2 Methods", prose(3, 400))
    section(made, "2.1 Weights", prose(4, 400), prose(5, 400))
    section(
        made, "References", "Alpha, A. (1999). On things. Journal of Things 1, 1-2.", "Beta, B. (2001). More things."
    )
    return parse(made)


def test_title_authors_and_sections(article: Extracted) -> None:
    """The largest type is the title; headings are found by type and number, with their depth."""
    assert article.title == "Estimating Things That Matter"
    assert article.authors == ("Ann Alpha", "Bo Beta")
    assert headings(article)[1:] == ["1 Introduction", "2 Methods", "2.1 Weights", "References"]
    last = next(block for block in article.blocks if "x5y0" in article.text[block.start : block.end])
    assert last.section == ("2 Methods", "2.1 Weights")


def test_nothing_is_lost_or_doubled(article: Extracted) -> None:
    """Every sentence is there once, in order, without headers and page numbers."""
    words = " ".join(body(article)).split()
    for seed in range(1, 6):
        for sentence in prose(seed, 400).split(". "):
            assert words.count(sentence.split()[-1].rstrip(".") + ".") == 1
    assert "running header" not in article.text
    assert not any(part.isdigit() for part in body(article))
    assert " ".join(prose(1, 400).split()) in " ".join(words)


def test_paragraphs_run_on_over_pages_and_know_where(article: Extracted) -> None:
    """A paragraph that a page's end parts is one block, and each of its characters knows its page."""
    assert article.pages == 4
    crossing = [block for block in article.blocks if block.page_start != block.page_end]
    assert crossing
    for block in crossing:
        (offset, page) = block.breaks[0]
        assert block.page_at(block.start) == block.page_start
        assert block.page_at(offset - 1) == block.page_start
        assert block.page_at(offset) == page == block.page_end


def test_references_are_entries(article: Extracted) -> None:
    """Each entry under References is a block of its own."""
    entries = [article.text[block.start : block.end] for block in article.blocks if block.kind == "reference"]
    assert [entry[:5] for entry in entries] == ["Alpha", "Beta,"]


def test_two_columns_are_read_one_after_the_other() -> None:
    """A title over two columns: title first, then the left column to its end, then the right."""
    made = paper()
    made.set_font("Times", "", 9)
    top = made.get_y()
    for page in range(2):
        if page:
            made.add_page()
            top = 20
        for column, left in enumerate((20, 108)):
            made.set_xy(left, top)
            made.multi_cell(82, 4, prose(10 * page + column, 240), align="J")
    extracted = parse(made)
    text = " ".join(body(extracted))
    marks = [f"x{10 * page + column}y{number}." for page in (0, 1) for column in (0, 1) for number in range(30)]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_a_table_is_not_taken_for_columns() -> None:
    """A page of a table with short cells is read row by row."""
    made = paper()
    made.set_font("Times", "", 10)
    for row in range(25):
        for column in range(4):
            made.set_xy(25 + 42 * column, 60 + 6 * row)
            made.cell(text=f"r{row}c{column}")
    extracted = parse(made)
    assert "r3c0 r3c1 r3c2 r3c3" in extracted.text
    assert any(block.kind == "table" for block in extracted.blocks)


def test_hyphens_at_line_ends_are_repaired() -> None:
    """A word parted at a line's end is whole again; a hyphenated one keeps its hyphen."""
    made = paper()
    section(
        made,
        "1 Introduction",
        "The estimation of effects is model-based here and everywhere else in the whole text that follows.",
    )
    write(
        made, 5, "Here we come to esti-\nmation that is quite certainly model-\nbased, as was said before in this text."
    )
    extracted = parse(made)
    assert "come to estimation that" in extracted.text
    assert "certainly model-based, as" in extracted.text


def test_code_keeps_its_lines() -> None:
    """Lines in a typewriter face are a listing with line breaks and indentation."""
    made = paper()
    section(made, "1 Code", prose(1, 80))
    made.set_font("Courier", "", 9)
    for line in ("for i in range(3):", "    print(i)", "done()"):
        made.cell(0, 4, line, new_x="LMARGIN", new_y="NEXT")
    extracted = parse(made)
    [code] = [extracted.text[block.start : block.end] for block in extracted.blocks if block.kind == "code"]
    assert code == "for i in range(3):\n    print(i)\ndone()"


def test_bookmarks_decide_about_headings() -> None:
    """Where a PDF has an outline, its levels hold, and bold lines that are not in it are text."""
    made = paper()
    for number, (level, title) in enumerate([(0, "Alpha part"), (1, "Beta part"), (0, "Gamma part")]):
        made.start_section(title, level=level)
        section(made, title, prose(number, 60))
        made.set_font("Times", "B", 10)
        write(made, 8, "A bold remark")
    extracted = parse(made)
    assert headings(extracted)[1:] == ["Alpha part", "Beta part", "Gamma part"]
    assert any(block.section == ("Alpha part", "Beta part") for block in extracted.blocks)


def test_a_page_without_text_is_noted() -> None:
    """A blank page among others keeps the count and is named in the notes."""
    made = paper()
    section(made, "1 Introduction", prose(1, 80))
    plain = FPDF()
    plain.add_page()
    plain.set_font("Times", "", 10)
    plain.multi_cell(0, 5, prose(1, 80))
    plain.add_page()
    extracted = parse(plain)
    assert extracted.pages == 2
    assert extracted.notes == ("No text on page(s) 2.",)


def test_a_locked_pdf_names_its_lock() -> None:
    """A PDF with a password fails as encrypted, with the way out."""
    with pytest.raises(ExtractionFailed) as caught:
        pdf.parse(pdfs.encrypted(), Limits())
    assert caught.value.slug == "encrypted-pdf"
    assert "password" in caught.value.action
