"""What of a partition may be committed."""

from hypothesis import given
from hypothesis import strategies as st

from events.bridge.ledger import Ledger


@given(st.lists(st.integers(1, 3), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_watermark_never_passes_an_unfinished_offset(gaps: list[int], random: object) -> None:
    """In whatever order records finish, with gaps between offsets, the watermark is the end of the unbroken run."""
    offsets, last = [], 0
    for gap in gaps:
        last += gap
        offsets.append(last)
    ledger = Ledger()
    for offset in offsets:
        ledger.start(offset)
    order = list(offsets)
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    finished: set[int] = set()
    for offset in order:
        ledger.finish(offset)
        finished.add(offset)
        run = [o for i, o in enumerate(offsets) if finished.issuperset(offsets[: i + 1])]
        assert ledger.watermark == (run[-1] + 1 if run else None)
        assert len(ledger) == len(offsets) - len(run)
    assert ledger.watermark == offsets[-1] + 1


def test_what_was_committed_is_not_committed_again() -> None:
    """`uncommitted` is the watermark until it is committed, and None while nothing moves."""
    ledger = Ledger()
    assert ledger.uncommitted is None
    ledger.start(5)
    ledger.start(6)
    ledger.finish(6)
    assert ledger.uncommitted is None
    ledger.finish(5)
    assert ledger.uncommitted == 7
    ledger.committed(7)
    assert ledger.uncommitted is None
