"""What a web page says about itself: Highwire and Dublin Core meta elements, distill's front matter, its headings."""

from dataclasses import dataclass
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from functions.extract.parsers import front_matter
from functions.extract.parsers.bibliography import authors_of, doi_of, year_of
from functions.extract.parsers.characters import clean, collapse

_FRONT_MATTER: Final = "d-front-matter script, dt-front-matter script, script[type='text/front-matter']"
_TITLES: Final = ("citation_title", "dc.title", "og:title")
_AUTHORS: Final = ("citation_author", "dc.creator", "author")
_DATES: Final = (
    "citation_publication_date", "citation_date", "citation_online_date", "article:published_time", "dc.date",
    "dcterms.issued", "date",
)  # fmt: skip
_DOIS: Final = ("citation_doi", "dc.identifier", "prism.doi")


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """Title, authors, year and DOI as far as the page tells them."""

    title: str | None
    authors: tuple[str, ...]
    year: int | None
    doi: str | None


def read(tree: LexborHTMLParser) -> PageMetadata:
    """Read the page's own account of itself."""
    named = _named(tree)
    node = tree.css_first(_FRONT_MATTER)
    matter = front_matter.read(node.text()) if node else {}
    authors = next((found for name in _AUTHORS if (found := named.get(name))), None)
    return PageMetadata(
        title=_title(tree, named, matter),
        authors=authors_of(authors) if authors else authors_of(matter.get("authors")),
        year=next((year for name in _DATES for value in named.get(name, ()) if (year := year_of(value))), None)
        or year_of(matter.get("published") or matter.get("date")),
        doi=next((doi for name in _DOIS for value in named.get(name, ()) if (doi := doi_of(value))), None),
    )


def _named(tree: LexborHTMLParser) -> dict[str, list[str]]:
    """Return the contents of meta elements by lower-case name."""
    found: dict[str, list[str]] = {}
    for node in tree.css("meta"):
        attributes = node.attributes
        name = (attributes.get("name") or attributes.get("property") or "").lower()
        content = collapse(clean(attributes.get("content") or ""))
        if name and content:
            found.setdefault(name, []).append(content)
    return found


def _title(tree: LexborHTMLParser, named: dict[str, list[str]], matter: dict[str, Any]) -> str | None:
    if named.get("citation_title"):
        return named["citation_title"][0]
    if matter.get("title"):
        return collapse(clean(str(matter["title"])))
    headings = [text for node in tree.css("h1") if (text := collapse(clean(node.text())))]
    node = tree.css_first("title")
    shown = collapse(clean(node.text())) if node else ""
    if headings and (len(headings) == 1 or shown.startswith(headings[0])):
        return headings[0]
    listed = next((named[name][0] for name in _TITLES if named.get(name)), None)
    return listed or shown or (headings[0] if headings else None)
