"""Structured logs: one JSON object a line on stdout, no query text and no key in them."""

import logging
import sys
from typing import Any

# structlog imports rich for its console renderer where it finds it, a tenth of a second that JSON logs have no use for.
# Hidden for the length of the import, it stays available to whoever asks for it later.
_HIDDEN = "rich"
_present = sys.modules.pop(_HIDDEN, None)
sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # the documented way to make an import fail
try:
    import structlog
finally:
    del sys.modules[_HIDDEN]
    if _present is not None:
        sys.modules[_HIDDEN] = _present


def configure_logs(level: str = "info") -> None:
    """Send structlog's events at `level` or above to stdout as JSON, with request and trace ids where bound."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )


def get_log(name: str) -> Any:
    """Return a logger whose lines carry `component: name`."""
    return structlog.get_logger(component=name)
