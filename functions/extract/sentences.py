"""Where sentences end, in linear time and without a model."""

import re
from typing import Final

_END: Final = re.compile(r"[.!?][\"')\]”’»]{0,3}\s+|[。！？]|\n+")
_LAST_WORD: Final = re.compile(r"[\w.]+$")
_ABBREVIATIONS: Final = frozenset(
    re.split(
        " ",
        "e.g i.e etc cf vs al viz resp approx ca no nos vol pp p ch sec secs fig figs eq eqs eqn eqns ref refs tab "
        "thm def prop lem cor ex app dr prof mr mrs ms st jr sr dept univ inc ltd jan feb mar apr jun jul aug sep sept "
        "oct nov dec ed eds proc conf assoc w.r.t s.t a.k.a i.i.d u.s u.k ph.d d.f",
    )
)
_LONGEST_WORD: Final = 40


def ends(text: str) -> list[int]:
    """Return the offsets after which a new sentence begins (white space belongs to the sentence before it)."""
    found = []
    for match in _END.finditer(text):
        if match[0][0] == "." and not _is_final(text, match.start(), match.end()):
            continue
        found.append(match.end())
    return found


def _is_final(text: str, dot: int, after: int) -> bool:
    """Whether the full stop at `dot` ends a sentence; `after` is where the next word begins."""
    following = text[after : after + 1]
    if following.islower():
        return False
    match = _LAST_WORD.search(text[max(0, dot - _LONGEST_WORD) : dot])
    word = match[0].lower() if match else ""
    initial = len(word) == 1 and word.isalpha()
    return not initial and word not in _ABBREVIATIONS
