"""Real papers against independent readings of them: poppler's pdftotext, and the LaTeX they were made from."""

import itertools
import json
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from functions.extract.document import Extracted
from functions.extract.limits import Limits
from functions.extract.parsers import detection
from functions.extract.passages import indexed_text, split
from functions.extract.tokens import PassageTokenizer

pytestmark = pytest.mark.data

LONG_WORD = re.compile(r"[a-z]{4,}")
PHRASE_WORDS = 8
_parsed: dict[Path, Extracted] = {}


def parse(path: Path) -> Extracted:
    if path not in _parsed:
        _parsed[path] = detection.parse(path.read_bytes(), "application/octet-stream", path.name, Limits())
    return _parsed[path]


def pdfs(data_folder: Path) -> list[Path]:
    return sorted((data_folder / "papers" / "pdf").glob("*.pdf"))


def plain(text: str) -> str:
    """Return the text without ligatures, case and line ends, and with the words parted at line ends whole."""
    text = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"(?<=[a-z])[-‐]\s*(?=[a-z])", "", text)


def words(text: str) -> Counter[str]:
    return Counter(LONG_WORD.findall(plain(text)))


def reference_pages(path: Path) -> list[str]:
    """Return poppler's text of each page, without lines at the edge of three pages, or on all, and page numbers."""
    reader = shutil.which("pdftotext")
    if not reader:
        pytest.skip("no independent reading: pdftotext (poppler-utils) is not installed")
    text = subprocess.run([reader, "-enc", "UTF-8", path, "-"], capture_output=True, check=True).stdout.decode()
    pages = [[line for line in page.split("\n") if line.strip()] for page in text.split("\f")][:-1]
    edges = Counter(itertools.chain.from_iterable({key(line) for line in (*page[:3], *page[-3:])} for page in pages))
    whole = Counter(itertools.chain.from_iterable({key(line) for line in page} for page in pages))
    common = {line for line in whole if edges[line] >= 3 or whole[line] == len(pages) > 1}
    common = {line for line in common if len(re.findall(r"[a-z]{3,}", line)) > 1 or line.strip("#") == ""}
    return ["\n".join(line for line in page if key(line) not in common) for page in pages]


def key(line: str) -> str:
    return re.sub(r"\d+", "#", line.strip().lower())


def test_no_text_fails_and_every_passage_fits(data_folder: Path, tokenizer: PassageTokenizer) -> None:
    """All Markdown, HTML and PDF papers are parsed; passages cover the body in order and fit the limit."""
    paths = [*pdfs(data_folder), *sorted((data_folder / "papers" / "text").glob("*.*"))]
    for path in (path for path in paths if path.suffix != ".jsonl"):
        extracted = parse(path)
        passages = split(extracted, extracted.title or path.stem, tokenizer, 1024)
        last = 0
        for passage in passages:
            assert passage.text == extracted.text[passage.char_start : passage.char_end]
            assert passage.char_start >= last
            last = passage.char_end
            assert tokenizer.count(indexed_text(passage.heading, passage.text)) + tokenizer.overhead <= 1024
        covered = "".join("".join(passage.text for passage in passages).split())
        for block in extracted.body():
            assert "".join(extracted.text[block.start : block.end].split()) in covered


def test_phrases_are_found_on_their_page(data_folder: Path, tokenizer: PassageTokenizer) -> None:
    """Three phrases of each PDF, chosen from poppler's reading, are in a passage that names their page."""
    complete = 0
    for path in pdfs(data_folder):
        extracted = parse(path)
        passages = split(extracted, extracted.title or "", tokenizer, 1024)
        found = phrases(reference_pages(path))
        assert found, path.name
        complete += len(found) == 3
        for phrase, page in found:
            pattern = re.compile(r"\W+".join(map(re.escape, phrase)), re.IGNORECASE)
            holding = [passage for passage in passages if pattern.search(passage.text)]
            assert holding, (path.name, page, phrase)
            for passage in holding:
                assert passage.page_start is not None
                assert passage.page_end is not None
                assert passage.page_start <= page <= passage.page_end
            at = pattern.search(extracted.text)
            assert at
            block = next(block for block in extracted.blocks if block.start <= at.start() < block.end)
            assert block.page_at(at.start()) == page, (path.name, page, phrase)
    assert complete >= 10


def phrases(pages: list[str]) -> list[tuple[list[str], int]]:
    """Return up to three runs of words that occur once in the document, each from another page, with its number."""
    whole = " ".join(" ".join(page.split()) for page in pages).lower()
    found: list[tuple[list[str], int]] = []
    count = len(pages)
    for start in (count // 4, count // 2, 3 * count // 4, *range(count)):
        if len(found) == 3 or any(number == start + 1 for _, number in found):
            continue
        phrase = phrase_of(pages[start], whole)
        if phrase:
            found.append((phrase, start + 1))
    return found


def phrase_of(page: str, whole: str) -> list[str] | None:
    """Return the first whole line of lower-case words on the page, shortened, that occurs once in the document."""
    for line in page.split("\n"):
        run = line.split()
        body = run[1 : PHRASE_WORDS + 1]
        ordinary = all(word.isalpha() and word.islower() and word.isascii() for word in body)
        if len(body) == PHRASE_WORDS and ordinary and whole.count(" ".join(body)) == 1:
            return body
    return None


def test_text_is_neither_lost_nor_doubled(data_folder: Path) -> None:
    """Of poppler's words at least 97 % are there in every PDF, 99 % over all, and at most 1 % are there twice."""
    lost = extra = total = 0
    for path in pdfs(data_folder):
        reference, ours = words("\n".join(reference_pages(path))), words(parse(path).text)
        count = reference.total()
        missing, surplus = (reference - ours).total(), sum((ours - reference)[word] for word in reference)
        assert missing <= 0.03 * count, (path.name, missing / count, (reference - ours).most_common(12))
        assert surplus <= 0.01 * count, (path.name, surplus / count, (ours - reference).most_common(12))
        lost, extra, total = lost + missing, extra + surplus, total + count
    assert lost <= 0.01 * total
    assert extra <= 0.005 * total


def test_titles_are_right(data_folder: Path) -> None:
    """The titles of all PDFs but the two cheat sheets, whose index entry is a file name, agree with the index."""
    index = (data_folder / "papers" / "pdf" / "index.jsonl").read_text().splitlines()
    for entry in map(json.loads, index):
        if "cheatsheet" in entry["id"]:
            continue
        title = parse(data_folder / "papers" / "pdf" / f"{entry['id']}.pdf").title or ""
        shown, wanted = (set(re.findall(r"[a-z0-9]+", text.lower())) for text in (title, entry["title"]))
        assert len(shown & wanted) >= 0.7 * len(wanted), (entry["id"], title)


def test_sections_of_the_source_are_sections_of_the_pdf(data_folder: Path) -> None:
    """Seven of eight headings of the LaTeX sources, run-in ones included, are headings of the PDFs made from them."""
    found = wanted = 0
    for path in pdfs(data_folder):
        source = next(path.parent.glob(f"{path.stem}.[Rr]nw"), None)
        if source is None:
            continue
        there = headings(parse(path))
        for heading in headings(parse(source)) - {"abstract"}:
            wanted += 1
            found += any(heading and heading in other for other in there)
    assert found >= 0.875 * wanted, (found, wanted)


def headings(extracted: Extracted) -> set[str]:
    return {
        "".join(character for character in extracted.text[block.start : block.end].lower() if character.isalnum())
        for block in extracted.blocks
        if block.kind == "heading"
    }
