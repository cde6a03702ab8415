"""From bytes to text."""

import codecs
import re
from typing import Final

from functions.extract.failures import failure

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What texts of the last decades are written in; a wider choice finds mainframe code pages in short Latin texts.
_CANDIDATES: Final = [
    "cp1252", "cp1250", "cp1251", "cp1253", "koi8_r", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "iso8859_2",
]  # fmt: skip
# One broken character in a hundred still reads; more is another encoding, or no text.
_TOLERATED: Final = 0.01
_SAMPLE_BYTES: Final = 1 << 16
_DECLARED: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CONTROLS: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\v\x1b\b")


def decode(content: bytes, declared: str | None = None) -> str:
    """Return the text of a file in any common encoding.

    declared: an encoding that the file names itself, tried after UTF-8.
    Raises: ExtractionFailed (binary-as-text, unreadable-encoding).
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strict(content, encoding)
    if wide := _wide(content):
        return _strict(content, wide)
    if is_binary(content):
        raise failure("binary-as-text", "It holds control characters, as no text does.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _other(content, declared)


def declared_charset(content: bytes) -> str | None:
    """Return the encoding that an HTML document names in its first kilobytes, if Python knows it."""
    match = _DECLARED.search(content[:4096])
    if not match:
        return None
    try:
        return codecs.lookup(match[1].decode("ascii")).name
    except LookupError:
        return None


def is_binary(content: bytes) -> bool:
    """Whether the bytes hold more control characters than any text does (NULs above all)."""
    sample = content[:_SAMPLE_BYTES] + content[-_SAMPLE_BYTES:]
    controls = sum(sample.count(byte) for byte in _CONTROLS)
    return controls > len(sample) / 1000


def _wide(content: bytes) -> str | None:
    """Recognise UTF-16 without a byte order mark: Latin letters leave every other byte zero."""
    sample = content[: min(len(content), 4096) & ~1]
    if len(sample) < 8:
        return None
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > half * 0.7 and even < half * 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.7 and odd < half * 0.05 else None


def _strict(content: bytes, encoding: str) -> str:
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as exc:
        raise failure(
            "unreadable-encoding", f"It begins as {encoding.upper()} and breaks off at byte {exc.start}."
        ) from exc
    if is_binary(text[:_SAMPLE_BYTES].encode("utf-8", "replace")):
        raise failure("binary-as-text", "It holds control characters, as no text does.")
    return text


def _other(content: bytes, declared: str | None) -> str:
    if declared and declared != "utf-8":
        try:
            return content.decode(declared)
        except UnicodeDecodeError:
            pass
    text = content.decode("utf-8", "replace")
    foreign = sum(1 for character in text[:_SAMPLE_BYTES] if character > "\x7f" and character != "\ufffd")
    broken = text.count("\ufffd")
    if broken <= len(text) * _TOLERATED and foreign > broken:
        return text  # UTF-8 with a few damaged places
    from charset_normalizer import from_bytes  # 40 ms, needed by old files only

    found = list(from_bytes(content[: 16 * _SAMPLE_BYTES], cp_isolation=_CANDIDATES, threshold=0.3))
    if not found:
        raise failure("unreadable-encoding", "It is neither UTF-8 nor any other encoding in common use.")
    # Western and Central European share most letters; where both fit as well, the commoner one it is.
    best = found[0]
    equal = [match for match in found if match.chaos <= best.chaos and match.coherence >= best.coherence]
    chosen = min(equal, key=lambda match: _CANDIDATES.index(match.encoding))
    return content.decode(chosen.encoding, "replace")
