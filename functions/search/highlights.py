"""Where a passage's text matches the query: words of the same stem, as the lexical leg compares them."""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

# Snowball's English stop words, the list that Postgres' `english` configuration leaves out.
STOP_WORDS = frozenset((Path(__file__).parent / "stop_words.txt").read_text().split())
MOST_SPANS = 100
"""A reader needs no more marks in one passage."""

MOST_TERMS = 64
"""Of a query as long as a page the first words say enough; each adds to the cost of every passage."""

_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=1)
def _stemmer() -> Callable[[str], str]:
    import Stemmer  # 2 ms that a function's start does not need

    stem: Callable[[str], str] = Stemmer.Stemmer("english").stemWord
    return stem


class Highlighter:
    """The stems of one query, ready for any number of passages."""

    def __init__(self, query: str) -> None:
        stem = _stemmer()
        words = [word for word in dict.fromkeys(_WORD.findall(query.lower())) if word not in STOP_WORDS]
        self._stems = {stem(word) for word in words[:MOST_TERMS]}
        # A stem may end in a letter that its words lack (happi, happy): the last one is left open. A pattern that
        # begins with letters is found four times as fast as one that looks behind: `spans` does that.
        starts = sorted({re.escape(stem[:-1] if len(stem) > 2 else stem) for stem in self._stems})
        self._candidates = re.compile(rf"(?:{'|'.join(starts)})[^\W_]*") if starts else None

    def spans(self, text: str) -> list[dict[str, int]]:
        """Return the matches in `text` as {start, end} in characters, end exclusive, in order."""
        if self._candidates is None:
            return []
        stem = _stemmer()
        lowered = text.lower()
        if len(lowered) != len(text):  # some letters grow, and offsets would no longer hold
            lowered = "".join(letter if len(letter.lower()) > 1 else letter.lower() for letter in text)
        found = []
        for match in self._candidates.finditer(lowered):
            start = match.start()
            if (start == 0 or not lowered[start - 1].isalnum()) and stem(match.group()) in self._stems:
                found.append({"start": start, "end": match.end()})
                if len(found) == MOST_SPANS:
                    break
        return found
