"""From words to lines in reading order: columns are told apart, pieces of a line put together."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from functions.extract.parsers.characters import attach_accents, clean
from functions.extract.parsers.pdf.glyphs import Row, Word

# Between words of justified text there is rarely more than half the font's size; between columns always more than one.
_GAP: Final = 1.0
# A gutter must be at least this wide (points), and nothing but titles, wide figures and the like may cross it.
_GUTTER_PT: Final = 7
_CROSSING_PART: Final = 0.45
# Loose pieces of formulas that reach into the gutter.
_STRAY_PART: Final = 0.02
# Narrower is no page of columns, wider is a poster or a broken page box.
_LEAST_WIDTH_PT: Final = 150
_MOST_WIDTH_PT: Final = 5000
_SIDE_PART: Final = 0.12
_SIDE_LINES: Final = 5
# A line of prose fills at least half its column in one piece, and most text of a column is such lines; cells of a
# table and labels of a figure are shorter.
_FILLED_PART: Final = 0.55
_PROSE_PART: Final = 0.5


@dataclass(slots=True)
class Line:
    """One line of a column. bold, mono, math: parts (0 to 1) of its characters; cells: pieces with wide gaps between.

    left_edge, right_edge: of the column the line stands in; zone counts the page's columns in reading order.
    """

    text: str
    left: float
    right: float
    y: float
    size: float
    bold: float
    mono: float
    math: float
    cells: int
    page: int
    zone: int
    left_edge: float
    right_edge: float


@dataclass(slots=True)
class Run:
    """Words on one baseline without a wide gap between them; weight counts their characters."""

    words: list[Word]
    left: float
    right: float
    y: float
    size: float
    weight: int


def runs_of(rows: Sequence[Row]) -> list[Run]:
    """Part rows at wide gaps and where the text jumps back or to another height."""
    runs = []
    for row in rows:
        piece: list[Word] = []
        for word in row:
            if piece and _breaks(piece[-1], word):
                runs.append(_run(piece))
                piece = []
            piece.append(word)
        runs.append(_run(piece))
    return runs


def _breaks(before: Word, word: Word) -> bool:
    size = max(before.size, word.size)
    return word.left - before.right > _GAP * size or word.right < before.left or abs(word.y - before.y) > 0.9 * size


def _run(words: list[Word]) -> Run:
    main = max(words, key=lambda word: (word.size, len(word.text)))
    left, right = min(word.left for word in words), max(word.right for word in words)
    return Run(words, left, right, main.y, main.size, sum(len(word.text) for word in words))


def find_gutter(runs: Sequence[Run], expected: float | None = None) -> float | None:
    """Return the x between two columns of prose, if the page (or column) has them.

    expected: where other pages of the document have their gutter; there, columns of other things than prose count.
    """
    if len(runs) < 2 * _SIDE_LINES:
        return None
    left, right = min(run.left for run in runs), max(run.right for run in runs)
    width, total = right - left, sum(run.weight for run in runs)
    if width < _LEAST_WIDTH_PT or width > _MOST_WIDTH_PT:
        return None
    cover = _coverage(runs, left, int(width) + 1)
    inner = range(int(width * 0.2), int(width * 0.8))
    least = min(cover[x] for x in inner)
    if least > total * _CROSSING_PART:
        return None
    start, length = _widest(cover, inner, least + total * _STRAY_PART)
    gutter = left + start + length / 2
    if length < _GUTTER_PT:
        return None
    if expected is not None and abs(gutter - expected) < 2 * _GUTTER_PT:
        return gutter
    prose = _is_prose(runs, left, gutter, total) and _is_prose(runs, gutter, right, total)
    return gutter if prose else None


def _coverage(runs: Sequence[Run], left: float, width: int) -> list[int]:
    """Return for each point of the width how many characters are in runs over it."""
    steps = [0] * (width + 2)
    for run in runs:
        steps[max(int(run.left - left), 0)] += run.weight
        steps[min(int(run.right - left) + 1, width + 1)] -= run.weight
    total, cover = 0, []
    for step in steps:
        total += step
        cover.append(total)
    return cover


def _widest(cover: Sequence[int], inner: range, most: float) -> tuple[int, int]:
    """Return start and length of the widest stretch with at most that cover."""
    best, start = (inner.start, 0), None
    for x in (*inner, inner.stop):
        if x < inner.stop and cover[x] <= most:
            start = x if start is None else start
        elif start is not None:
            best = max(best, (start, x - start), key=lambda stretch: stretch[1])
            start = None
    return best


def _is_prose(runs: Sequence[Run], left: float, right: float, total: int) -> bool:
    """Whether the runs between left and right are lines of text rather than cells or labels."""
    inside = [run for run in runs if run.left >= left - 1 and run.right <= right + 1]
    if sum(run.weight for run in inside) < total * _SIDE_PART:
        return False
    used = max(run.right for run in inside) - min(run.left for run in inside)
    full = [run for run in inside if run.right - run.left >= used * _FILLED_PART]
    return len(full) >= _SIDE_LINES and sum(run.weight for run in full) >= _PROSE_PART * sum(
        run.weight for run in inside
    )


def zones_of(runs: Sequence[Run], columns: bool, expected: float | None = None, depth: int = 2) -> list[list[Run]]:
    """Return groups of runs in reading order, one per column; what spans the gutter parts columns above and below."""
    gutter = find_gutter(runs, expected) if columns and depth else None
    if gutter is None:
        return [list(runs)] if runs else []
    zones: list[list[Run]] = []
    sides: tuple[list[Run], list[Run]] = ([], [])
    wide: list[Run] = []
    for run in sorted(runs, key=lambda run: -run.y):
        crossing = run.left < gutter - _GUTTER_PT and run.right > gutter + _GUTTER_PT
        if crossing and (sides[0] or sides[1]):
            zones += _sides(sides, depth)
            sides = ([], [])
        if not crossing and wide:
            zones.append(wide)
            wide = []
        (wide if crossing else sides[run.left + run.right > 2 * gutter]).append(run)
    if wide:
        zones.append(wide)
    return zones + _sides(sides, depth)


def _sides(sides: tuple[list[Run], list[Run]], depth: int) -> list[list[Run]]:
    return [zone for side in sides for zone in zones_of(side, columns=True, depth=depth - 1)]


def lines_of(zone: Sequence[Run], page: int, number: int) -> list[Line]:
    """Put the runs of one column together as lines, from top to bottom."""
    lines: list[list[Run]] = []
    for run in sorted(zone, key=lambda run: -run.y):
        home = next((line for line in reversed(lines[-4:]) if _same_line(line, run)), None)
        if home is None:
            lines.append([run])
        else:
            home.append(run)
    left, right = min(run.left for run in zone), max(run.right for run in zone)
    made = (_line(runs, page, number, left, right) for runs in lines)
    return [line for line in made if line.text]


def _same_line(line: list[Run], run: Run) -> bool:
    main = max(line, key=lambda other: other.size)
    size = max(main.size, run.size)
    shift = abs(main.y - run.y)
    if shift < 0.3 * size:
        return all(run.left >= other.right - size * 0.4 or run.right <= other.left + size * 0.4 for other in line)
    small = min(main.size, run.size) < 0.85 * size
    near = any(
        -0.4 * size < gap < 0.8 * size for other in line for gap in (run.left - other.right, other.left - run.right)
    )
    return small and shift < 0.6 * size and near


def _line(runs: list[Run], page: int, number: int, left_edge: float, right_edge: float) -> Line:
    runs.sort(key=lambda run: run.left)
    words = [word for run in runs for word in run.words]
    weight = sum(len(word.text) for word in words)
    sizes: dict[float, int] = {}
    for word in words:
        size = round(word.size, 1)
        sizes[size] = sizes.get(size, 0) + len(word.text)

    def part(flags: list[bool]) -> float:
        return sum(len(word.text) for word, flag in zip(words, flags, strict=True) if flag) / weight

    mono = part([word.font.mono for word in words])
    main = max(runs, key=lambda run: (run.size, run.weight))
    cells = 1 + sum(after.left - before.right > 1.3 * main.size for before, after in itertools.pairwise(runs))
    return Line(
        text=attach_accents(clean(_spaced(words) if mono > 0.7 else " ".join(word.text for word in words))).strip(),
        left=runs[0].left,
        right=max(run.right for run in runs),
        y=main.y,
        size=max(sizes, key=lambda size: (sizes[size], size)),
        bold=part([word.font.bold for word in words]),
        mono=mono,
        math=part([word.font.math for word in words]),
        cells=cells,
        page=page,
        zone=number,
        left_edge=left_edge,
        right_edge=right_edge,
    )


def _spaced(words: list[Word]) -> str:
    """Join the words of a code line with as many spaces as there is room for."""
    pitch = median((word.right - word.left) / len(word.text) for word in words)
    text = words[0].text
    for before, word in itertools.pairwise(words):
        spaces = round((word.left - before.right) / pitch) if pitch > 0 else 1
        text += " " * min(max(spaces, 1), 40) + word.text
    return text
