"""What of a library's log lines the bridge passes on."""

import logging

from events.bridge.library_logs import NoRepeats


def make_line(logger: str, message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(logger, logging.WARNING, __file__, 1, message, arguments, None)


def test_repetitions_are_dropped_and_other_messages_are_not() -> None:
    """The same message of the same logger comes through once in a while, whatever its arguments."""
    quiet = NoRepeats(repeat_s=3600)
    assert quiet.filter(make_line("a", "node %s away", 1))
    assert not quiet.filter(make_line("a", "node %s away", 2))
    assert quiet.filter(make_line("b", "node %s away", 1))
    assert quiet.filter(make_line("a", "node %s back", 1))
    assert NoRepeats(repeat_s=0).filter(make_line("a", "x"))
