"""Words parted at line ends: deciding whether the hyphen belongs to the word."""

import re
from collections import Counter
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LEFT: Final = re.compile(r"([^\W\d_]+)-$")
_RIGHT: Final = re.compile(r"^([^\W\d_]+)")
_AT_LINE_END: Final = re.compile(r"([^\W\d_]+)-\n[ \t]*([^\W\d_]+)")


class Vocabulary:
    """The words that a document uses away from line ends."""

    def __init__(self, texts: list[str]) -> None:
        self._counts: Counter[str] = Counter()
        for text in texts:
            self._counts.update(word.lower() for word in _WORD.findall(text))

    def keeps_hyphen(self, left: str, right: str) -> bool:
        """Whether "left-" at a line's end and "right" below are a hyphenated word rather than one parted word.

        The document's own spelling elsewhere decides; where it is silent, two parts that are both words of the
        document ("model", "based") keep the hyphen, and a part that is none ("esti", "mation") loses it.
        """
        if not right[:1].islower():
            return True
        left, right = left.lower(), right.lower()
        joined, hyphenated = self._counts[left + right], self._counts[f"{left}-{right}"]
        if joined or hyphenated:
            return hyphenated > joined
        return len(left) > 2 and len(right) > 2 and self._counts[left] > 0 and self._counts[right] > 0

    def join(self, upper: str, lower: str) -> str:
        """Join two lines of a paragraph, with a space or over a hyphen."""
        left, right = _LEFT.search(upper), _RIGHT.search(lower)
        if not left or not right:
            return upper + lower if upper.endswith("-") and lower[:1].isalnum() and left else f"{upper} {lower}"
        return upper + lower if self.keeps_hyphen(left[1], right[1]) else upper[:-1] + lower


def join_lines(paragraph: str) -> str:
    """Return the paragraph on one line, with the words parted at line ends whole again."""
    if "-\n" not in paragraph:
        return " ".join(paragraph.split())
    vocabulary = Vocabulary([_AT_LINE_END.sub(" ", paragraph)])
    lines = [line.strip() for line in paragraph.split("\n")]
    joined = lines[0]
    for line in lines[1:]:
        joined = vocabulary.join(joined, line)
    return " ".join(joined.split())
