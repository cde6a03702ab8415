"""Counting tokens as the embedder does."""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

# Encoding a megabyte at once takes a gigabyte; slices keep it flat.
_SLICE_CHARS: Final = 20_000
# WordPiece turns a longer run without white space into one unknown token; counted in parts, it can be cut.
_LONGEST_WORD_CHARS: Final = 100
# Tokenizers that see white space (SentencePiece, byte-level BPE) may need a few more tokens for joined parts.
_SLACK_TOKENS: Final = 4

Offsets = list[tuple[int, int]]


class TokenSpans:
    """Character ranges of the tokens of one text, in order."""

    def __init__(self, offsets: Offsets) -> None:
        self.offsets = offsets
        self._starts = [start for start, _ in offsets]

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.offsets)

    def before(self, offset: int) -> int:
        """Return how many tokens begin before the character offset."""
        return bisect_left(self._starts, offset)


class PassageTokenizer:
    """The embedder's tokenizer, without truncation and padding. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer  # some 30 ms and 10 MB, needed by the first document only

        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        additive = type(self._tokenizer.model).__name__ == "WordPiece"
        specials: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self.overhead = specials + (0 if additive else _SLACK_TOKENS)
        """Tokens of every sequence besides those of its text."""

    def count(self, text: str) -> int:
        """Return the number of tokens of the text, special tokens left out."""
        return len(self._encode(text)) if text else 0

    def spans(self, text: str) -> TokenSpans:
        """Return where the tokens of the text stand, special tokens left out."""
        if len(text) <= _SLICE_CHARS:
            return TokenSpans(self._offsets(text, 0))
        offsets: Offsets = []
        for start, end in _slices(text):
            offsets.extend(self._offsets(text[start:end], start))
        return TokenSpans(offsets)

    def _encode(self, text: str) -> Any:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def _offsets(self, text: str, shift: int) -> Offsets:
        found: Offsets = self._encode(text).offsets
        if found and max(end - start for start, end in found) > _LONGEST_WORD_CHARS:
            found = [part for span in found for part in self._parts(text, span)]
        return [(start + shift, end + shift) for start, end in found] if shift else found

    def _parts(self, text: str, span: tuple[int, int]) -> Offsets:
        start, end = span
        if end - start <= _LONGEST_WORD_CHARS:
            return [span]
        parts: Offsets = []
        for first in range(start, end, _LONGEST_WORD_CHARS):
            found = self._encode(text[first : min(first + _LONGEST_WORD_CHARS, end)]).offsets
            parts.extend((left + first, right + first) for left, right in found)
        return parts


def _slices(text: str) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most _SLICE_CHARS that end at white space where there is some."""
    start = 0
    while start < len(text):
        end = min(start + _SLICE_CHARS, len(text))
        if end < len(text):
            space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            end = space + 1 if space > start else end
        yield start, end
        start = end


@lru_cache(maxsize=4)
def _load(path: Path, modified_ns: int) -> PassageTokenizer:
    return PassageTokenizer(path)


def load(path: Path) -> PassageTokenizer:
    """Return the tokenizer of a tokenizer.json; read once per version of the file.

    Raises: OSError when the file is not there.
    """
    return _load(path, path.stat().st_mtime_ns)
