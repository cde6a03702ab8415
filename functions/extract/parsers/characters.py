"""Repairing single characters: ligatures, control characters, spaces, detached accents."""

import re
import unicodedata
from typing import Final

_LIGATURES: Final = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_SPACES: Final = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
# Soft hyphens, zero-width characters, direction marks, byte order marks: invisible, and they part words for an index.
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\ufffe\uffff"
_CONTROLS: Final = [chr(code) for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"]

_TABLE: Final = str.maketrans(
    {
        **_LIGATURES,
        **dict.fromkeys(_SPACES, " "),
        **dict.fromkeys(_INVISIBLE, None),
        **dict.fromkeys(_CONTROLS, None),
        **{chr(code): "\ufffd" for code in range(0xD800, 0xE000)},
        "\u2028": "\n",
        "\u2029": "\n",
        "\x85": "\n",
        "\x0b": "\n",
        "\x0c": "\n",
    }
)

# TeX's old font encoding sets accents as glyphs of their own before the letter.
_ACCENTS: Final = {"´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "¨": "\u0308", "˚": "\u030a", "ˇ": "\u030c"}
_DETACHED: Final = re.compile("([´ˆ˜¨˚ˇ])([A-Za-zı])")


def clean(text: str) -> str:
    """Return the text in NFC, with plain spaces, \\n line ends, no control characters and no ligatures."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE))


def attach_accents(text: str) -> str:
    """Compose accents that stand before their letter ("¨a" to "ä"); others are left as they are."""

    def compose(match: re.Match[str]) -> str:
        letter = "i" if match[2] == "ı" else match[2]
        composed = unicodedata.normalize("NFC", letter + _ACCENTS[match[1]])
        return composed if len(composed) == 1 else match[0]

    return _DETACHED.sub(compose, text)


def collapse(text: str) -> str:
    """Return the text on one line, runs of white space as one space."""
    return " ".join(text.split())
