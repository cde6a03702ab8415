"""Into which ranges of passages a library is cut to be embedded anew."""

from itertools import pairwise

import pytest

from functions.health.model_change import LANES, LEAST_LANE, split


@pytest.mark.parametrize(("first", "last"), [(1, 1), (7, 999), (1, 4000), (5, 4567), (1, 10_000_001)])
def test_lanes_cover_every_passage_once(first: int, last: int) -> None:
    """The ranges follow one another without gap or overlap, from the first passage to the last."""
    lanes = split(first, last)
    assert [lanes[0][0], lanes[-1][1]] == [first, last]
    assert all(before[1] + 1 == after[0] for before, after in pairwise(lanes))
    assert len(lanes) <= LANES
    assert len(lanes) == 1 or all(end - start + 1 >= LEAST_LANE for start, end in lanes)


def test_nothing_stored_is_no_lane() -> None:
    """A library without passages asks for nothing."""
    assert split(None, None) == []
