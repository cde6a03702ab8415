"""More than fifty documents that cannot be indexed, each with the reasons that may be given for it."""

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.malformed import pdfs

CORRUPT = frozenset({"corrupt-document"})
EMPTY = frozenset({"empty-document"})
UNSUPPORTED = frozenset({"unsupported-format"})
BINARY = frozenset({"binary-as-text"})
ENCRYPTED = frozenset({"encrypted-pdf"})
NO_TEXT = frozenset({"no-text-layer"})
TOO_MUCH = frozenset({"too-large", "too-slow"})
# A bomb that pdfium refuses to inflate leaves a page without text.
DEFUSED = TOO_MUCH | {"empty-document", "corrupt-document"}


@dataclass(frozen=True, slots=True)
class Malformed:
    """How to make a document, what its submitter says it is, and the slugs of the failures that describe it."""

    name: str
    make: Callable[[], bytes]
    media_type: str
    filename: str | None
    slugs: frozenset[str]


def _noise(size: int) -> bytes:
    return random.Random(1).randbytes(size)  # noqa: S311 - the same noise each time is wanted


def _ready(name: str, body: bytes, media_type: str, filename: str | None, slugs: frozenset[str]) -> Malformed:
    return Malformed(name, lambda: body, media_type, filename, slugs)


def documents() -> list[Malformed]:
    """Return all of them; the same bytes each time."""
    return [*_pdfs(), *_bombs(), *_empty(), *_wrong_types(), *_binaries_as_text(), *_encodings(), *_markup()]


def _pdfs() -> Iterator[Malformed]:
    good = pdfs.good()
    made = {
        "cut at 10 bytes": (good[:10], CORRUPT),
        "cut at 100 bytes": (good[:100], CORRUPT),
        "header only": (b"%PDF-1.7\n", CORRUPT),
        "header and noise": (b"%PDF-1.7\n" + _noise(5000), CORRUPT),
        "header and zeros": (b"%PDF-1.4\n" + bytes(5000), CORRUPT),
        "header and prose": (b"%PDF-1.4\nThis is no PDF, whatever its first line says.\n" * 20, CORRUPT),
        "objects removed": (good[: good.index(b"obj")] + good[-300:], CORRUPT),
        "password, RC4": (pdfs.encrypted("RC4"), ENCRYPTED),
        "password, AES-128": (pdfs.encrypted("AES_128"), ENCRYPTED),
        "password, AES-256": (pdfs.encrypted("AES_256"), ENCRYPTED),
        "one scanned page": (pdfs.images_only(1), NO_TEXT),
        "thirty scanned pages": (pdfs.images_only(30), NO_TEXT),
        "blank page": (pdfs.many_pages(1), EMPTY),
        "no pages": (pdfs.no_pages(), CORRUPT),
        "page tree in a loop": (pdfs.looping_pages(), CORRUPT | EMPTY),
        "forms in a loop": (pdfs.recursive_form(), EMPTY | CORRUPT),
        "ten thousand pages": (pdfs.many_pages(10_000), frozenset({"too-large"})),
        "font without meaning": (pdfs.unmapped_font(), frozenset({"unreadable-text-layer"})),
        "only dots": (
            pdfs.with_content(b"BT /F 12 Tf 72 700 Td (. . . . . . . . . . . . . . . .) Tj ET"),
            EMPTY | {"unreadable-text-layer"},
        ),
    }
    for name, (body, slugs) in made.items():
        yield _ready(f"pdf: {name}", body, "application/pdf", "paper.pdf", slugs)


def _bombs() -> Iterator[Malformed]:
    yield Malformed("bomb: 1 GB page", lambda: pdfs.deflate_bomb(1 << 30), "application/pdf", "bomb.pdf", DEFUSED)
    yield Malformed(
        "bomb: twice deflated", lambda: pdfs.nested_bomb(256 << 20, 2), "application/pdf", "bomb.pdf", DEFUSED
    )
    yield Malformed("bomb: gzip", lambda: gzip.compress(bytes(16 << 20)), "application/gzip", "bomb.gz", UNSUPPORTED)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(4 << 20))
    yield _ready("bomb: docx", inner.getvalue(), "application/octet-stream", "bomb.docx", UNSUPPORTED)
    yield Malformed("200 MB of text", lambda: b"word " * 40_000_000, "text/plain", "big.txt", frozenset({"too-large"}))
    aliases = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (c, c, b",".join(b"*%c" % (c - 1) for _ in range(9))) for c in range(ord("b"), ord("j"))
    )
    matter = b"---\n" + aliases + b"title: *i\n---\n"
    yield _ready("bomb: YAML aliases", matter, "text/markdown", "bomb.md", EMPTY)


def _empty() -> Iterator[Malformed]:
    for name, body in {
        "no bytes": b"",
        "one space": b" ",
        "blank lines": b"\n\n\r\n\t\n" * 50,
        "zeros": bytes(4096),
        "byte order mark": b"\xef\xbb\xbf",
        "punctuation": b"... --- ... !!! ???",
        "zero-width spaces": "\u200b".encode() * 200,
    }.items():
        yield _ready(f"empty: {name}", body, "text/plain", "note.txt", EMPTY)
    yield _ready("empty: markdown comment", b"<!-- nothing -->\n", "text/markdown", "a.md", EMPTY)
    yield _ready("empty: html scripts", b"<html><script>var text = 1;</script></html>", "text/html", "a.html", EMPTY)
    yield _ready(
        "empty: latex", rb"\documentclass{article}\begin{document}\end{document}", "text/x-tex", "a.tex", EMPTY
    )
    yield _ready("empty: pdf", b"", "application/pdf", "a.pdf", EMPTY)


def _wrong_types() -> Iterator[Malformed]:
    picture = _png()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("word/document.xml", "<w:document/>")
    word = archive.getvalue()
    cases = {
        "png as pdf": (picture, "application/pdf", "a.pdf", UNSUPPORTED),
        "png as html": (picture, "text/html", "a.html", UNSUPPORTED),
        "png": (picture, "image/png", "a.png", UNSUPPORTED),
        "jpeg": (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4, "application/octet-stream", "a.jpg", UNSUPPORTED),
        "docx as pdf": (word, "application/pdf", "a.pdf", UNSUPPORTED),
        "docx as text": (word, "text/plain", "a.txt", UNSUPPORTED),
        "old word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "application/msword", "a.doc", UNSUPPORTED),
        "rtf": (rb"{\rtf1\ansi Some text.}", "text/plain", "a.rtf", UNSUPPORTED),
        "postscript": (b"%!PS-Adobe-3.0\n(Hello) show\n", "text/plain", "a.ps", UNSUPPORTED),
        "text as pdf": (b"Plain text with a wrong name.", "application/pdf", "a.pdf", CORRUPT),
        "html as pdf": (b"<html><body>Please log in.</body></html>", "application/pdf", "a.pdf", CORRUPT),
        "jats xml": (b"<?xml version='1.0'?><article><body>x</body></article>", "text/html", "a.xml", UNSUPPORTED),
        "notebook": (b'{"cells": [], "nbformat": 4}', "text/markdown", "a.ipynb", UNSUPPORTED),
        "tar": (bytes(257) + b"ustar\x00" + bytes(2000) + b"x" * 300, "text/plain", "a.tar", UNSUPPORTED | BINARY),
        "video": (b"\x00\x00\x00\x18ftypmp42" + bytes(500), "video/mp4", "a.mp4", UNSUPPORTED),
    }
    for name, (body, media_type, filename, slugs) in cases.items():
        yield _ready(f"wrong type: {name}", body, media_type, filename, slugs)


def _binaries_as_text() -> Iterator[Malformed]:
    noise = _noise(20_000)
    for media_type, filename in (
        ("text/plain", "a.txt"),
        ("text/markdown", "a.md"),
        ("text/html", "a.html"),
        ("text/x-tex", "a.tex"),
        ("application/octet-stream", "a"),
    ):
        yield _ready(f"binary: noise as {media_type}", noise, media_type, filename, BINARY)
    floats = struct.pack("<2000d", *(1 / number for number in range(1, 2001)))
    yield _ready("binary: floats", floats, "text/plain", "a.txt", BINARY)
    yield _ready("binary: text with zeros", b"Some text\x00\x00" * 500, "text/plain", "a.txt", BINARY)
    yield _ready("binary: program", b"\x7fELF\x02\x01\x01" + bytes(900), "text/plain", "a.txt", UNSUPPORTED)


def _encodings() -> Iterator[Malformed]:
    broken = frozenset({"unreadable-encoding"})
    yield _ready("encoding: half of UTF-16", "Ein Satz.".encode("utf-16") + b"\x00", "text/plain", "a.txt", broken)
    yield _ready("encoding: lone surrogates", b"\xff\xfe" + b"\x00\xd8" * 400, "text/plain", "a.txt", broken)
    yield _ready("encoding: UTF-32 out of range", b"\xff\xfe\x00\x00" + b"\xff" * 400, "text/plain", "a.txt", broken)
    noise = bytes(0x80 | byte for byte in _noise(4000))
    yield _ready("encoding: high bytes only", noise, "text/plain", "a.txt", broken)
    yield _ready("encoding: UTF-8 mark, then noise", b"\xef\xbb\xbf" + noise, "text/plain", "a.txt", broken)


def _markup() -> Iterator[Malformed]:
    deep = b"<div>" * 100_000
    yield _ready("markup: 100 000 open elements", b"<html>" + deep, "text/html", "a.html", EMPTY | TOO_MUCH)
    yield _ready("markup: quotes 50 000 deep", b">" * 50_000, "text/markdown", "a.md", EMPTY | TOO_MUCH)
    yield _ready("markup: only braces", b"{" * 100_000, "text/x-tex", "a.tex", EMPTY | TOO_MUCH)
    yield _ready("markup: only brackets", b"[" * 100_000, "text/markdown", "a.md", EMPTY | TOO_MUCH)


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + bytes(8)) * 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
