"""What the Kafka client logs through the standard library, as JSON lines like everything else."""

import logging
import sys
import time

import structlog

REPEAT_S = 10.0
"""A message that comes again sooner says nothing new: the client repeats itself hundreds of times a second when the
broker is away."""
_MAX_REMEMBERED = 1000


class NoRepeats(logging.Filter):
    """Drops a logger's message that it logged less than `repeat_s` ago; arguments don't tell messages apart."""

    def __init__(self, repeat_s: float = REPEAT_S) -> None:
        super().__init__()
        self._repeat_s = repeat_s
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to log `record`."""
        now = time.monotonic()
        kind = (record.name, str(record.msg))
        if now - self._last.get(kind, -self._repeat_s) < self._repeat_s:
            return False
        if len(self._last) >= _MAX_REMEMBERED:
            self._last.clear()
        self._last[kind] = now
        return True


def route_library_logs() -> None:
    """Send the warnings of libraries to stdout as JSON. Their lower levels tell of every heartbeat."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(NoRepeats())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
