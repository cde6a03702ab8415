"""Progress of long work, on stderr: bars on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from cli.output import console, note

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

# Often enough to see that work goes on, seldom enough for a log.
LINE_EVERY_S = 5.0


class ProgressDisplay:
    """Stages of work, each with a total; `silent` shows nothing."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._printed: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> "ProgressDisplay":
        if not self._silent and sys.stderr.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bars = Progress(*columns, console=console(stderr=True))
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def show(self, stage: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` (None: not known yet) have passed `stage`."""
        if self._silent:
            return
        if self._bars is None:
            self._print_line(stage, done, total)
        elif stage in self._tasks:
            self._bars.update(self._tasks[stage], completed=done, total=total)
        else:
            self._tasks[stage] = self._bars.add_task(stage, completed=done, total=total)

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        if self._bars:
            self._bars.console.print(text, markup=False)
        elif not self._silent:
            note(text)

    def _print_line(self, stage: str, done: int, total: int | None) -> None:
        printed_at, printed_done = self._printed.get(stage, (0.0, -1))
        finished = total is not None and done >= total
        if done == printed_done or (not finished and time.monotonic() - printed_at < LINE_EVERY_S):
            return
        self._printed[stage] = (time.monotonic(), done)
        note(f"{stage}: {done}" + ("" if total is None else f" of {total}"))
