"""What tracing costs: processor time a span, off, on, and in OpenTelemetry's SDK, in turns; and importing each.

Spans are those of a statement: a name, two attributes, below a recorded span. Encoding is counted apart, since the
exporter's thread does it.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.report import machine, tell

SPANS = 20_000
ROUNDS = 7
ATTRIBUTES = {"db.system.name": "postgresql", "db.query.summary": "admit"}
# Of a span recorded and encoded; a search has a dozen, and takes some 15 ms of processor time.
MOST_US = 25.0


def ours_off() -> None:
    """Enter and leave spans while nothing is recorded."""
    from shared.tracing import CLIENT, record_to, span

    record_to(None)
    for _ in range(SPANS):
        with span("admit", CLIENT, dict(ATTRIBUTES)):
            pass


def ours_on() -> list[Any]:
    """Record spans below a request; return them."""
    from shared.tracing import CLIENT, record_to, request_span, span

    spans: list[Any] = []
    record_to(spans.append)
    with request_span(None, "search"):
        for _ in range(SPANS):
            with span("admit", CLIENT, dict(ATTRIBUTES)):
                pass
    record_to(None)
    return spans


def sdk() -> Callable[[], None]:
    """Return the same with OpenTelemetry's SDK, its spans kept by a processor that does nothing else."""
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
    from opentelemetry.trace import SpanKind

    kept: list[ReadableSpan] = []

    class Keep(SpanProcessor):
        """Keep what ends."""

        def on_end(self, span: ReadableSpan) -> None:
            kept.append(span)

    provider = TracerProvider()
    provider.add_span_processor(Keep())
    tracer = provider.get_tracer("bench")

    def run() -> None:
        kept.clear()
        with tracer.start_as_current_span("request"):
            for _ in range(SPANS):
                with tracer.start_as_current_span("admit", kind=SpanKind.CLIENT, attributes=dict(ATTRIBUTES)):
                    pass

    return run


def cpu_us(work: Callable[[], Any]) -> float:
    """Return microseconds of processor time for each of SPANS."""
    started = time.process_time()
    work()
    return (time.process_time() - started) / SPANS * 1e6


def import_ms(module: str) -> float:
    """Return what importing `module` adds to FastAPI and structlog, in processor milliseconds, median of five."""
    code = (
        "import resource as r, fastapi, shared.logs\n"
        "def used():\n u = r.getrusage(0)\n return (u.ru_utime + u.ru_stime) * 1000\n"
        f"before = used()\nimport {module}\nprint(used() - before)"
    )
    command = [sys.executable, "-c", code]
    return median(float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(5))


def main() -> int:
    """Measure, print, and return 1 when a recorded and encoded span is over its bound."""
    from shared.otlp import encode

    known = machine()
    run_sdk = sdk()
    recorded = ours_on()
    works: dict[str, Callable[[], Any]] = {
        "off": ours_off,
        "recorded": ours_on,
        "encoded (exporter's thread)": lambda: encode(recorded, "research-kb", {}),
        "OpenTelemetry SDK, recorded": run_sdk,
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            taken[name].append(cpu_us(work))
    rows = [[name, median(figures), "µs a span"] for name, figures in taken.items()]
    modules = ("shared.tracing", "shared.span_export", "opentelemetry.sdk.trace", "sentry_sdk")
    rows += [[f"import {module}", import_ms(module), "ms"] for module in modules]
    within = median(taken["recorded"]) + median(taken["encoded (exporter's thread)"]) <= MOST_US
    tell("span_cost", ["what", "processor time", "unit"], rows, {"machine": known, "rows": rows, "within": within})
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
