"""PDF: pages, columns, headings, paragraphs over page ends, without running headers and footers."""

import contextlib
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, Final

import pypdfium2
import pypdfium2.raw

from functions.extract.document import Extracted
from functions.extract.failures import failure
from functions.extract.limits import Limits
from functions.extract.parsers.characters import clean, collapse
from functions.extract.parsers.composer import Composer
from functions.extract.parsers.hyphens import Vocabulary
from functions.extract.parsers.pdf import front, furniture
from functions.extract.parsers.pdf.glyphs import GlyphReader
from functions.extract.parsers.pdf.lines import Line, Run, find_gutter, lines_of, runs_of, zones_of
from functions.extract.parsers.pdf.paragraphs import Draft, draft, rejoin
from functions.extract.parsers.pdf.styles import Bookmark, Headings

_LEAST_CHARS: Final = 20
# A document is set in columns when at least this part of its pages is.
_COLUMN_PAGES: Final = 0.3
_UNREADABLE_PART: Final = 0.3


def parse(content: bytes, limits: Limits) -> Extracted:
    """Parse a PDF. Raises: ExtractionFailed with the reason when it cannot be parsed."""
    document = _open(content)
    try:
        count = len(document)
        if count == 0:
            raise failure("corrupt-document", "It has no pages.")
        if count > limits.pages:
            raise failure("too-large", f"It has {count:,} pages, {limits.pages:,} are allowed.")
        runs, heights, images = _read(document)
        bookmarks = list(_bookmarks(document))
        stored = {name: str(document.get_metadata_value(name) or "") for name in ("Title", "Author")}
    finally:
        document.close()
    _check(runs, images)
    first = [line for page in _lines(runs[:1]) for line in page]
    pages = _lines(furniture.remove(runs, heights))
    return _compose(pages, first, bookmarks, stored, limits)


def preload() -> None:
    """Load the library, so that processes forked from this one have it."""
    GlyphReader()


def _open(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as exc:
        if pypdfium2.raw.FPDF_GetLastError() == pypdfium2.raw.FPDF_ERR_PASSWORD or "password" in str(exc).lower():
            raise failure("encrypted-pdf", "It opens with a password only.") from exc
        if pypdfium2.raw.FPDF_GetLastError() == pypdfium2.raw.FPDF_ERR_SECURITY or "security" in str(exc).lower():
            raise failure("encrypted-pdf", "It is protected in a way that cannot be opened.") from exc
        raise failure("corrupt-document", "It begins as a PDF, but its structure is broken or cut off.") from exc


def _read(document: pypdfium2.PdfDocument) -> tuple[list[list[Run]], list[float], int]:
    """Return the runs and the height of each page, and how many pages show nothing but images."""
    reader = GlyphReader()
    runs: list[list[Run]] = []
    heights: list[float] = []
    images = 0
    for number in range(len(document)):
        try:
            page = document[number]
            textpage = page.get_textpage()
        except pypdfium2.PdfiumError:  # one damaged page does not take the others' text with it
            runs.append([])
            heights.append(0.0)
            continue
        rows, height = reader.page(textpage, page.get_bbox())
        if not rows and _shows_image(page):
            images += 1
        runs.append(runs_of(rows))
        heights.append(height)
        textpage.close()
        page.close()
    return runs, heights, images


def _lines(runs: Sequence[Sequence[Run]]) -> list[list[Line]]:
    """Return the lines of each page in reading order."""
    written = [page for page in runs if page]
    gutters = [gutter for page in written if (gutter := find_gutter(page)) is not None]
    columns = len(gutters) >= max(len(written) * _COLUMN_PAGES, 1)
    expected = median(gutters) if gutters else None
    return [
        [
            line
            for zone_number, zone in enumerate(zones_of(page, columns, expected))
            for line in lines_of(zone, number, zone_number)
        ]
        for number, page in enumerate(runs, start=1)
    ]


def _shows_image(page: Any) -> bool:
    with contextlib.suppress(pypdfium2.PdfiumError):
        return any(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=2))
    return False


def _bookmarks(document: pypdfium2.PdfDocument) -> Iterator[Bookmark]:
    with contextlib.suppress(pypdfium2.PdfiumError):
        for mark in document.get_toc(max_depth=8):
            target = mark.get_dest()
            index = target.get_index() if target else None
            yield Bookmark(collapse(clean(mark.get_title())), mark.level + 1, None if index is None else index + 1)


def _check(pages: Sequence[Sequence[Run]], images: int) -> None:
    """Raise when there is no text to speak of."""
    count = len(pages)
    text = "".join(word.text for page in pages for run in page for word in run.words)
    if sum(map(str.isalnum, text)) < _LEAST_CHARS:
        if images:
            raise failure("no-text-layer", f"Its {count} page(s) have images and no text.")
        if len(text) > _LEAST_CHARS:
            raise failure("unreadable-text-layer", "Hardly any of its characters is a letter or a digit.")
        raise failure("empty-document", f"Its {count} page(s) show no text and no image.")
    strange = sum(1 for character in text if character == "\ufffd" or "\ue000" <= character <= "\uf8ff")
    if strange > len(text) * _UNREADABLE_PART:
        raise failure("unreadable-text-layer", f"{strange / len(text):.0%} of its characters have no known meaning.")


def _compose(
    pages: list[list[Line]], first: list[Line], bookmarks: list[Bookmark], stored: dict[str, str], limits: Limits
) -> Extracted:
    """Put the document together. first: the lines of the first page, furniture included."""
    lines = [line for page in pages for line in page]
    title, title_lines = front.title_of(pages[0], stored["Title"])
    shown = {id(line) for line in title_lines}
    composer = Composer(limits.text_chars)
    if title_lines and title:
        composer.title(title, title_lines[0].page)
    rest = [line for line in lines if id(line) not in shown]
    authors = front.authors([line for line in rest if line.page == 1], title_lines, stored["Author"])
    vocabulary = Vocabulary(_whole_words(rest))
    for block in rejoin(draft(rest, Headings(rest, bookmarks, authors))):
        _add(composer, block, vocabulary)
    textless = [number for number, page in enumerate(pages, start=1) if not page]
    return composer.finish(
        media_type="application/pdf",
        title=title,
        authors=authors,
        year=front.year(first),
        doi=front.doi(first),
        pages=len(pages),
        notes=(f"No text on page(s) {', '.join(map(str, textless[:50]))}.",) if textless else (),
    )


def _whole_words(lines: Sequence[Line]) -> list[str]:
    """Return the lines' texts without the halves of words that are parted at line ends."""
    texts = []
    parted = False
    for line in lines:
        text = line.text.partition(" ")[2] if parted else line.text
        parted = line.text.endswith("-")
        texts.append(text.rpartition(" ")[0] if parted else text)
    return texts


def _add(composer: Composer, block: Draft, vocabulary: Vocabulary) -> None:
    page = block.lines[0].page
    if block.kind == "heading":
        composer.heading(block.level, " ".join(line.text for line in block.lines), page)
        return
    verbatim = block.kind in ("code", "table", "equation")
    text = ""
    breaks: list[tuple[int, int]] = []
    for line in block.lines:
        written = _indent(line, block) + line.text if block.kind == "code" else line.text
        if not text:
            joined = written
        elif verbatim:
            joined = f"{text}\n{written}"
        else:
            joined = vocabulary.join(text, written)
        if line.page != (breaks[-1][1] if breaks else page):
            breaks.append((max(len(joined) - len(written), 0), line.page))
        text = joined
    composer.add(block.kind, text, page, block.lines[-1].page, tuple(breaks))


def _indent(line: Line, block: Draft) -> str:
    """Return the spaces before a code line, from how far right of the others it begins."""
    left = min(other.left for other in block.lines)
    pitch = (line.right - line.left) / max(len(line.text), 1)
    return " " * min(round((line.left - left) / pitch), 40) if pitch > 0 else ""
