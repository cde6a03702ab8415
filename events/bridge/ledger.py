"""Which offsets of one partition are finished: what may be committed is the end of the unbroken run from the start."""

from collections import deque


class Ledger:
    """Offsets in the order they were read. Gaps between them (compaction, transaction markers) don't matter."""

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._finished: set[int] = set()
        self._watermark: int | None = None
        self._committed: int | None = None

    def __len__(self) -> int:
        """Return how many offsets have been started and are not yet below the watermark."""
        return len(self._open)

    def start(self, offset: int) -> None:
        """Note that the record at `offset` was read; offsets come in ascending order."""
        self._open.append(offset)

    def finish(self, offset: int) -> None:
        """Note that the record at `offset` needs nothing more."""
        self._finished.add(offset)
        while self._open and self._open[0] in self._finished:
            done = self._open.popleft()
            self._finished.remove(done)
            self._watermark = done + 1

    @property
    def watermark(self) -> int | None:
        """The next offset to read after a restart, or None while nothing is finished."""
        return self._watermark

    @property
    def uncommitted(self) -> int | None:
        """The watermark when it has moved since the last `committed`, else None."""
        return self._watermark if self._watermark != self._committed else None

    def committed(self, offset: int) -> None:
        """Note that `offset` was committed."""
        self._committed = offset
