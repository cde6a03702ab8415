"""Words with their places, read from pdfium page by page.

pdfium is asked for each character's code, and for place and font only where words begin and end: a call costs about
a microsecond, and a page has three thousand characters.
"""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pypdfium2.raw as pdfium

_BOLD: Final = re.compile(rb"bold|black|heavy|cmbx|sfbx|ecbx|demi|-medi|\.b$|,b$|-bd", re.IGNORECASE)
_MONO: Final = re.compile(
    rb"mono|courier|typewriter|cmtt|sftt|ectt|txtt|consol|inconsolata|menlo|fixed|cmsltt", re.IGNORECASE
)
_MATH: Final = re.compile(rb"cmmi|cmsy|cmex|cmbsy|msam|msbm|math|symbol|rsfs|eufm|stmary|wasy", re.IGNORECASE)
_FIXED_PITCH: Final = 1
_HYPHEN: Final = 2  # pdfium's own mark for a hyphen at a line's end
_BREAKS: Final = frozenset((10, 13))
_SPACES: Final = frozenset((9, 32, 0xA0))
_SURROGATES: Final = range(0xD800, 0xE000)
# Some producers scale a font of size one; then the height of its box is the size.
_LEAST_SIZE: Final = 3.0
_QUARTER: Final = 1.5707963

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""


@dataclass(frozen=True, slots=True)
class Font:
    """What a font's name and flags tell."""

    bold: bool
    mono: bool
    math: bool


@dataclass(slots=True)
class Word:
    """Characters without a space between them; x from the left, y (the baseline) from the bottom, in points."""

    text: str
    left: float
    right: float
    y: float
    size: float
    font: Font


Row = list[Word]
"""Words that pdfium takes for one line."""


class GlyphReader:
    """Reads pages of one document; remembers its fonts."""

    def __init__(self) -> None:
        self._fonts: dict[tuple[bytes, bool], Font] = {}
        self._box = pdfium.FS_RECTF()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._box_at, self._x_at, self._y_at = (ctypes.byref(value) for value in (self._box, self._x, self._y))
        self._flags = ctypes.c_int()
        self._name = ctypes.create_string_buffer(64)

    def page(self, textpage: Any, box: Box) -> tuple[list[Row], float]:
        """Return the page's rows in the order of the content stream, turned upright, and the page's height.

        box: left, bottom, right, top of the visible page.
        """
        handle = textpage.raw
        turned: dict[int, list[Row]] = {0: []}
        for spans in _rows(handle):
            quarter = round(pdfium.FPDFText_GetCharAngle(handle, spans[0][1]) / _QUARTER) % 4
            turned.setdefault(quarter, []).append([self._word(handle, *span, quarter, box) for span in spans])
        # Sideways text is a margin stamp or an axis label, unless most of the page is turned.
        main = max(turned, key=lambda quarter: (len(turned[quarter]), quarter == 0))
        if len(turned[main]) < 2 * len(turned[0]):
            main = 0
        left, bottom, right, top = box
        return turned[main], right - left if main % 2 else top - bottom

    def _word(self, handle: Any, text: str, first: int, last: int, quarter: int, page: Box) -> Word:
        pdfium.FPDFText_GetCharOrigin(handle, first, self._x_at, self._y_at)
        pdfium.FPDFText_GetLooseCharBox(handle, first, self._box_at)
        box = self._box
        left, bottom, right, top = box.left, box.bottom, box.right, box.top
        if last != first:
            pdfium.FPDFText_GetLooseCharBox(handle, last, self._box_at)
            left, right = min(left, box.left), max(right, box.right)
            bottom, top = min(bottom, box.bottom), max(top, box.top)
        nominal = pdfium.FPDFText_GetFontSize(handle, first)
        across, along = _upright((left, bottom, right, top), self._x.value, self._y.value, quarter, page)
        size = nominal if nominal > _LEAST_SIZE else max(right - left if quarter % 2 else top - bottom, 1.0)
        return Word(text, *across, along, size, self._font(handle, first))

    def _font(self, handle: Any, index: int) -> Font:
        length = pdfium.FPDFText_GetFontInfo(handle, index, self._name, 64, ctypes.byref(self._flags))
        name = self._name.value if 0 < length <= 64 else b""
        fixed = bool(self._flags.value & _FIXED_PITCH)
        font = self._fonts.get((name, fixed))
        if font is None:
            math = bool(_MATH.search(name))
            mono = not math and (fixed or bool(_MONO.search(name)))
            font = self._fonts[(name, fixed)] = Font(bool(_BOLD.search(name)), mono, math)
        return font


def _upright(word: Box, x: float, y: float, quarter: int, page: Box) -> tuple[tuple[float, float], float]:
    """Return (left, right) and baseline of a word as seen with the text upright, from the page's lower left corner."""
    left, bottom, right, top = word
    if quarter == 3:
        return (bottom - page[1], top - page[1]), page[2] - x
    if quarter == 2:
        return (page[2] - right, page[2] - left), page[3] - y
    if quarter == 1:
        return (page[3] - top, page[3] - bottom), x - page[0]
    return (left - page[0], right - page[0]), y - page[1]


def _rows(handle: Any) -> Iterator[list[tuple[str, int, int]]]:
    """Yield rows of (word, index of its first character, index of its last)."""
    code_of = pdfium.FPDFText_GetUnicode
    row: list[tuple[str, int, int]] = []
    word: list[str] = []
    first = last = 0
    high = 0
    for index in range(pdfium.FPDFText_CountChars(handle)):
        code = code_of(handle, index)
        if code in _SPACES or code in _BREAKS or code == _HYPHEN:
            if code == _HYPHEN:
                word.append("-")
                first, last = (index, index) if len(word) == 1 else (first, last)
            if word:
                row.append(("".join(word), first, last))
                word = []
            if code not in _SPACES and row:
                yield row
                row = []
            continue
        if code in _SURROGATES:  # characters outside the basic plane come as two
            if code < 0xDC00:
                high = code
                continue
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00) if high else 0xFFFD
            high = 0
        if not word:
            first = index
        last = index
        word.append(chr(code))
    if word:
        row.append(("".join(word), first, last))
    if row:
        yield row
