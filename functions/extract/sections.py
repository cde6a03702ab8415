"""The stretches of a document that may share a passage: sections, small neighbours together."""

from dataclasses import dataclass, replace

from functions.extract.document import Block, Extracted


@dataclass(frozen=True, slots=True)
class Section:
    """Consecutive body blocks under one heading.

    start, end: character range of the body; opens: where the heading above it starts, None without one.
    """

    path: tuple[str, ...]
    start: int
    end: int
    opens: int | None
    references: bool


def outline(extracted: Extracted, title: str) -> list[Section]:
    """Return the sections in reading order.

    A heading with nothing under it is body, so that nothing is lost; one that only has subsections lives on in their
    paths; the document's title is neither.
    """
    sections: list[Section] = []
    opens: int | None = None
    for index, block in enumerate(extracted.blocks):
        if block.kind == "heading":
            opens = block.start
            if _stands_alone(extracted, index, title):
                sections.append(Section(block.section, block.start, block.end, None, references=False))
                opens = None
            continue
        references = block.kind == "reference"
        last = sections[-1] if sections else None
        if last and opens is None and last.path == block.section and last.references == references:
            sections[-1] = replace(last, end=block.end)
        else:
            above = opens if block.section else None
            sections.append(Section(block.section, block.start, block.end, above, references))
        opens = None
    return sections


def _stands_alone(extracted: Extracted, index: int, title: str) -> bool:
    """Whether the heading at `index` has no body and no subsection, and is not the title."""
    block = extracted.blocks[index]
    text = extracted.text[block.start : block.end]
    if text in (title, extracted.title):
        return False
    following: Block | None = extracted.blocks[index + 1] if index + 1 < len(extracted.blocks) else None
    path = (*block.section, text)
    return following is None or following.section[: len(path)] != path


def merge_small(sections: list[Section], tokens: list[int], least: int, most: int) -> list[Section]:
    """Join neighbours of which one has fewer than `least` tokens, as long as together they have at most `most`.

    tokens: of each section's body. Only siblings, or a parent and its first child, are joined; the headings between
    become part of the text, and the common path is kept. References are never joined with body.
    """
    merged: list[Section] = []
    sizes: list[int] = []
    for section, size in zip(sections, tokens, strict=True):
        if merged and min(sizes[-1], size) < least and sizes[-1] + size <= most and _related(merged[-1], section):
            merged[-1] = _join(merged[-1], section)
            sizes[-1] += size
        else:
            merged.append(section)
            sizes.append(size)
    return merged


def _related(left: Section, right: Section) -> bool:
    common = len(_common(left.path, right.path))
    return left.references == right.references and common >= max(len(left.path), len(right.path)) - 1


def _join(left: Section, right: Section) -> Section:
    path = _common(left.path, right.path)
    kept = left.path == path
    start = left.start if kept or left.opens is None else left.opens
    return Section(path, start, right.end, left.opens if kept else None, left.references)


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return left[:length]
