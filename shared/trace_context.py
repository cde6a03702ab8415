"""W3C Trace Context: which trace the present work belongs to, and whether it is recorded.

`traceparent` is read and written; `tracestate` is not passed on: nothing here has a vendor's part of it.
"""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from random import getrandbits

_TRACEPARENT = re.compile(r"((?!ff)[0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Context:
    """Where we are: the trace, the span that what follows belongs to, whether it is recorded, and whose work it is."""

    trace_id: str
    span_id: str
    sampled: bool
    function: str = ""

    def traceparent(self) -> str:
        """Return the header that lets somebody else go on from here."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


CURRENT: ContextVar[Context | None] = ContextVar("trace", default=None)
"""Of this task; tasks and threads made by asyncio inherit it."""


def current_traceparent() -> str | None:
    """Return the traceparent of the present work; None outside of any request or event."""
    context = CURRENT.get()
    return context.traceparent() if context is not None else None


def parse_traceparent(value: str | None) -> Context | None:
    """Return the context that a traceparent names; None for an absent or broken one, which starts a new trace."""
    match = _TRACEPARENT.fullmatch(value) if value else None
    if match is None or (match[1] == "00" and match[5]):  # version 00 has no more fields
        return None
    return Context(match[2], match[3], bool(int(match[4], 16) & 1))


def new_trace_id() -> str:
    """Return a random id of 16 bytes in hex, never zero."""
    return f"{getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return a random id of 8 bytes in hex, never zero."""
    return f"{getrandbits(64) or 1:016x}"
