"""Telling formats apart, by content first, and handing over to the right parser."""

import re
from pathlib import PurePath
from typing import Final, Literal

from functions.extract.document import Extracted
from functions.extract.failures import failure
from functions.extract.limits import Limits
from functions.extract.parsers import encoding

Format = Literal["pdf", "markdown", "restructuredtext", "html", "latex", "plain"]

_SIGNATURES: Final = (
    (b"PK\x03\x04", "a ZIP archive (DOCX, EPUB, ODT and others are)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"RIFF", "a RIFF file (WebP, WAV, AVI)"),
    (b"AT&TFORM", "a DjVu document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
    (b"{\\rtf", "a rich text (RTF) document"),
    (b"%!PS", "a PostScript document"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"PAR1", "a Parquet file"),
    (b"ID3", "an MP3 file"),
    (b"OggS", "an Ogg file"),
)
# Formats that look like text and are not meant to be read.
_READABLE: Final = (b"{\\rtf", b"%!PS")
_PDF_HEAD: Final = b"%PDF-"
_BY_TYPE: Final[dict[str, Format]] = {
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/x-rst": "restructuredtext",
    "text/prs.fallenstein.rst": "restructuredtext",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/x-tex": "latex",
    "text/x-latex": "latex",
    "application/x-tex": "latex",
    "application/x-latex": "latex",
}
_BY_SUFFIX: Final[dict[str, Format]] = {
    ".pdf": "pdf",
    ".md": "markdown",
    ".markdown": "markdown",
    ".rmd": "markdown",
    ".qmd": "markdown",
    ".rst": "restructuredtext",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".tex": "latex",
    ".latex": "latex",
    ".ltx": "latex",
    ".rnw": "latex",
    ".txt": "plain",
    ".text": "plain",
}
_MEDIA_TYPES: Final[dict[Format, str]] = {
    "pdf": "application/pdf",
    "markdown": "text/markdown",
    "restructuredtext": "text/x-rst",
    "html": "text/html",
    "latex": "text/x-tex",
    "plain": "text/plain",
}
_REFUSED: Final = re.compile(r"(?:image|audio|video|font)/|application/(?:zip|gzip|msword|vnd\.|x-tar|x-ipynb)")

_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_HTML_TAG: Final = re.compile(r"</(?:p|div|body|html|h[1-6]|td|li)\s*>", re.I)
_XML: Final = re.compile(r"\s*<\?xml\b")
_LATEX: Final = re.compile(r"(?m)^[^%\n]{0,200}\\(?:documentclass|documentstyle|begin\{document\})")
_RST_DIRECTIVE: Final = re.compile(r"(?m)^\.\. (?:_[^:\n]{1,80}:|[a-z][a-z-]{1,30}::)")
_ATX_HEADING: Final = re.compile(r"(?m)^#{1,6} \S")
_FENCE: Final = re.compile(r"(?m)^(?:```|~~~)")
_NOTEBOOK: Final = re.compile(r'\s*\{.{0,2000}?"(?:cells|nbformat)"', re.S)
_HEAD_CHARS: Final = 200_000


def parse(content: bytes, media_type: str, filename: str | None, limits: Limits) -> Extracted:
    """Parse a document of any supported format.

    Raises: ExtractionFailed with the reason when it cannot be parsed.
    """
    if not content.strip(b"\x00 \t\r\n\f\v"):
        raise failure("empty-document", "The file has no content." if not content else "The file is blank.")
    claimed = claim(media_type, filename)
    if _PDF_HEAD in content[:1024]:
        from functions.extract.parsers import pdf

        return pdf.parse(content, limits)
    _refuse_binaries(content, claimed)
    text = encoding.decode(content, encoding.declared_charset(content))
    if not text.strip():
        raise failure("empty-document", "The file is blank.")
    return _parse_text(text, recognise(text, claimed, media_type), limits)


def claim(media_type: str, filename: str | None) -> Format | None:
    """Return the format that media type or file name speak of; the name is the more exact for plain text.

    Raises: ExtractionFailed (unsupported-format) for a media type of another kind altogether.
    """
    essence = media_type.partition(";")[0].strip().lower()
    suffix = PurePath(filename).suffix.lower() if filename else ""
    if _REFUSED.match(essence):
        raise failure("unsupported-format", f"It was submitted as {essence}.")
    return _BY_TYPE.get(essence) or _BY_SUFFIX.get(suffix) or ("plain" if essence == "text/plain" else None)


def _refuse_binaries(content: bytes, claimed: Format | None) -> None:
    for signature, name in _SIGNATURES:
        if content.startswith(signature) and (signature in _READABLE or encoding.is_binary(content)):
            raise failure("unsupported-format", f"By its content it is {name}.")
    if content[257:262] == b"ustar":
        raise failure("unsupported-format", "By its content it is a tar archive.")
    if claimed == "pdf":
        raise failure("corrupt-document", "It was submitted as PDF, but has no PDF header in its first kilobyte.")


def recognise(text: str, claimed: Format | None, media_type: str) -> Format:
    """Return the format of a text: what its content shows beyond doubt, else what was claimed, else a guess."""
    head = text[:_HEAD_CHARS]
    if _HTML.match(head):
        return "html"
    if _XML.match(head):
        raise failure("unsupported-format", "By its content it is XML.")
    if _NOTEBOOK.match(head):
        raise failure("unsupported-format", "By its content it is a Jupyter notebook; export it as Markdown.")
    if claimed != "html" and _LATEX.search(head):
        return "latex"
    if (
        claimed in (None, "plain", "markdown")
        and len(_RST_DIRECTIVE.findall(head)) > 1
        and not _ATX_HEADING.search(head)
    ):
        return "restructuredtext"
    if claimed not in (None, "plain"):
        return claimed
    return _guess(head, media_type, claimed)


def _guess(head: str, media_type: str, claimed: Format | None) -> Format:
    if len(_HTML_TAG.findall(head)) * 400 > len(head):
        return "html"
    explicit = claimed == "plain" or media_type.startswith("text/plain")
    if not explicit and (_ATX_HEADING.search(head) or _FENCE.search(head)):
        return "markdown"
    return "plain"


def _parse_text(text: str, kind: Format, limits: Limits) -> Extracted:
    if kind in ("markdown", "restructuredtext"):
        from functions.extract.parsers import markdown, restructured

        source = text if kind == "markdown" else restructured.to_markdown(text)
        return markdown.parse(source, limits, _MEDIA_TYPES[kind])
    if kind == "html":
        from functions.extract.parsers import html

        return html.parse(text, limits)
    if kind == "latex":
        from functions.extract.parsers import latex

        return latex.parse(text, limits)
    from functions.extract.parsers import plain

    return plain.parse(text, limits.text_chars)


def preload() -> None:
    """Import every parser and build their tables, so that processes forked from this one have them."""
    from functions.extract.parsers import html, latex, markdown, pdf, plain

    limits = Limits()
    markdown.parse("---\ntitle: Warm\n---\nUp $x$.", limits)
    html.parse("<p>Warm up.", limits)
    latex.parse("Warm \\emph{up}.", limits)
    plain.parse("Warm up.")
    pdf.preload()
