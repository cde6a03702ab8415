"""Lay out two of the sample articles as PDF, so that the sample has page numbers, running heads and line breaks.

The same article and library versions give the same bytes: the creation date is fixed, the clock is not read.
Run: python sample/make_pdfs.py [FOLDER], by default beside the articles.
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml
from fpdf import FPDF, XPos, YPos
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

ARTICLES: Final = Path(__file__).parent / "articles"
# Their formulas read well as plain letters, so the PDF's built-in fonts suffice.
CHOSEN: Final = ("missing-data-mechanisms", "selection-bias-and-colliders")
CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)
A5_MM: Final = (148, 210)
FONT: Final = "Times"
BODY_POINTS: Final = 11
LINE_MM: Final = 5.2
# A heading nearer to the foot of the page would stand there without its paragraph.
HEADING_ROOM_MM: Final = 30


class Page(FPDF):
    """An A5 page with a running head from the second page on and the page number in the footer."""

    running_head = ""

    def header(self) -> None:
        if self.page_no() > 1:
            self.set_font(FONT, "I", 9)
            self.cell(0, 5, self.running_head, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(3)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(FONT, "", 9)
        self.cell(0, 5, str(self.page_no()), align="C")


def render(source: Path) -> bytes:
    """Return one article as PDF. Raises: ValueError for a formula or character that the built-in fonts cannot show."""
    tokens = MarkdownIt("commonmark").use(front_matter_plugin).use(dollarmath_plugin).parse(source.read_text("utf-8"))
    article = yaml.safe_load(tokens[0].content)
    page = _blank(article)
    _write_head(page, article)
    _write_body(page, tokens[1:])
    _write_references(page, article["references"])
    return bytes(page.output())


def _blank(article: dict[str, Any]) -> Page:
    page = Page(format=A5_MM)
    page.running_head = article["title"]
    page.set_creation_date(CREATED)
    page.set_title(article["title"])
    page.set_author(", ".join(article["authors"]))
    page.set_lang("en")
    page.set_margins(18, 15)
    page.set_auto_page_break(True, margin=20)
    page.add_page()
    return page


def _write_head(page: Page, article: dict[str, Any]) -> None:
    page.set_font(FONT, "B", 17)
    _write(page, article["title"], height_mm=8, align="C")
    page.set_font(FONT, "I", BODY_POINTS)
    _write(page, f"{', '.join(article['authors'])}, {article['year']}", align="C")
    page.ln(4)


def _write_body(page: Page, tokens: list[Token]) -> None:
    opening = ""
    for token in tokens:
        if token.type in ("heading_open", "list_item_open", "bullet_list_close"):
            opening = token.type
        elif token.type == "inline" and opening == "heading_open":
            _write_heading(page, plain(token))
            opening = ""
        elif token.type == "inline":
            page.set_font(FONT, "", BODY_POINTS)
            _write(page, ("- " if opening == "list_item_open" else "") + plain(token))
            page.ln(2)


def _write_heading(page: Page, text: str) -> None:
    if page.get_y() > page.eph - HEADING_ROOM_MM + page.t_margin:
        page.add_page()
    page.ln(2)
    page.set_font(FONT, "B", 13)
    _write(page, text, height_mm=6.5)
    page.ln(1)


def _write_references(page: Page, references: list[dict[str, Any]]) -> None:
    _write_heading(page, "References")
    page.set_font(FONT, "", 10)
    for work in references:
        doi = f" doi:{work['doi']}" if "doi" in work else ""
        title = work["title"] if work["title"].endswith("?") else f"{work['title']}."
        _write(page, f"{', '.join(work['authors'])} ({work['year']}). {title} {work['venue']}.{doi}")
        page.ln(1)


def _write(page: Page, text: str, height_mm: float = LINE_MM, align: str = "L") -> None:
    shown = text.replace("–", "-")
    shown.encode("latin-1")  # the built-in fonts' characters; the error names any other
    page.multi_cell(0, height_mm, shown, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def plain(inline: Token) -> str:
    """Return an inline token's text: links as their text, formulas as letters."""
    parts = []
    for child in inline.children or ():
        if child.type == "softbreak":
            parts.append(" ")
        elif child.type == "math_inline":
            parts.append(_formula(child.content))
        else:
            parts.append(child.content)
    return "".join(parts)


def _formula(tex: str) -> str:
    shown = tex.replace(r"\mid", "|")
    if re.search(r"[\\^_{}]", shown):
        raise ValueError(f"formula needs real typesetting: {tex}")
    return shown


def main(folder: Path) -> None:
    for name in CHOSEN:
        (folder / f"{name}.pdf").write_bytes(render(ARTICLES / f"{name}.md"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ARTICLES)
