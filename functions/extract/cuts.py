"""Where a section may be cut into passages, and which of those places to take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from functions.extract import sentences
from functions.extract.document import Block
from functions.extract.tokens import TokenSpans

# Costs of a cut, in units of the squared relative deviation from equal sizes: a passage may be about a fifth shorter
# or longer than its neighbours to end with a paragraph, a third to end with a sentence rather than within one.
PARAGRAPH_COST: Final = 0.0
LINE_COST: Final = 0.05
SENTENCE_COST: Final = 0.05
WORD_COST: Final = 0.5
AFTER_HEADING_COST: Final = 1.0
# Even where tokens are long a passage stays readable, and a row of its table small.
MOST_CHARS: Final = 8000


@dataclass(frozen=True, slots=True)
class Cut:
    """A place between two characters of the text, the tokens of the section before it, and what it costs."""

    offset: int
    tokens: int
    cost: float


def choose(cuts: Sequence[Cut], most_tokens: int) -> list[int]:
    """Return the offsets of the best cuts, first and last included.

    The pieces have at most most_tokens tokens and MOST_CHARS characters, are as few as that allows (give or take
    what ends of sentences ask for) and of equal size within the costs. `cuts` must be dense enough for that.
    """
    total = cuts[-1].tokens - cuts[0].tokens
    pieces = max(math.ceil(total / most_tokens), math.ceil((cuts[-1].offset - cuts[0].offset) / MOST_CHARS), 1)
    target = max(total / pieces, 1.0)
    best = [0.0] + [math.inf] * (len(cuts) - 1)
    came_from = [0] * len(cuts)
    for here in range(1, len(cuts)):
        cut = cuts[here]
        for there in range(here - 1, -1, -1):
            size = cut.tokens - cuts[there].tokens
            if there < here - 1 and (size > most_tokens or cut.offset - cuts[there].offset > MOST_CHARS):
                break
            deviation = (size - target) / target
            cost = best[there] + deviation * deviation + cut.cost
            if cost < best[here]:
                best[here], came_from[here] = cost, there
    chosen = [len(cuts) - 1]
    while chosen[-1] > 0:
        chosen.append(came_from[chosen[-1]])
    return [cuts[index].offset for index in reversed(chosen)]


def find(text: str, blocks: Sequence[Block], start: int, spans: TokenSpans, most_tokens: int) -> list[Cut]:
    """Return every place where the section may be cut, in order.

    text: of the whole document; blocks: of the section; start: where the section starts and spans count from.
    """
    places: dict[int, float] = {}
    for block in blocks:
        places.update(_inside(text, block))
        places[block.end] = AFTER_HEADING_COST if block.kind == "heading" else PARAGRAPH_COST
    end = blocks[-1].end
    places[end] = 0.0
    cuts = [Cut(start, 0, 0.0)]
    for offset in sorted(places):
        if offset <= start or offset > end:
            continue
        tokens = spans.before(offset - start)
        gap = tokens - cuts[-1].tokens > most_tokens or offset - cuts[-1].offset > MOST_CHARS
        if gap:
            cuts.extend(_between_words(text, start, spans, cuts[-1], Cut(offset, tokens, 0.0), most_tokens))
        cuts.append(Cut(offset, tokens, places[offset]))
    return cuts


def _inside(text: str, block: Block) -> dict[int, float]:
    body = text[block.start : block.end]
    if block.kind in ("code", "table", "list"):
        return {block.start + at + 1: LINE_COST for at, character in enumerate(body) if character == "\n"}
    if block.kind in ("heading", "equation"):
        return {}
    return {block.start + at: SENTENCE_COST for at in sentences.ends(body)}


def _between_words(text: str, start: int, spans: TokenSpans, left: Cut, right: Cut, most_tokens: int) -> list[Cut]:
    """Return cuts, before words where there are any, some four to a passage, so that choosing stays linear."""
    step = max(most_tokens // 4, 1)
    offsets = spans.offsets
    found: list[Cut] = []
    last, last_offset = left.tokens, left.offset
    word = left.tokens
    for index in range(left.tokens + 1, right.tokens):
        at = start + offsets[index][0]
        if text[at - 1].isspace():
            word = index
        if index - last < step and at - last_offset < MOST_CHARS // 4:
            continue
        taken = word if word > last else index
        found.append(Cut(start + offsets[taken][0], taken, WORD_COST))
        last, last_offset = taken, found[-1].offset
    return found
