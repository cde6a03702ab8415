"""Structured logs: one JSON object a line on stdout, no query text and no key in them."""

import logging
from typing import Any

import structlog


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
