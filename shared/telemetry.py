"""What leaves a process besides answers and logs: spans to a collector, errors to Sentry. Both are off by default.

`install` is called by every function and by the bridge; the first call of a process decides, since functions that
share a process share its exporter. `finish` sends what waits; call it before the process ends or is frozen.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from shared import error_reports
from shared.sentry import open_client
from shared.settings import TelemetrySettings
from shared.tracing import record_to
from shared.version import VERSION

if TYPE_CHECKING:
    from shared.span_export import SpanExporter

FLUSH_S = 2.0
"""Below every grace period of an orchestrator, above a round trip to a collector that is there."""


class _Installed:
    """Of this process; without an exporter, spans go nowhere."""

    exporter: "SpanExporter | None" = None
    done = False


def install(settings: TelemetrySettings) -> None:
    """Begin to send what the settings ask for, once a process."""
    if _Installed.done:
        return
    _Installed.done = True
    if settings.otel_exporter_otlp_endpoint:
        from shared.span_export import SpanExporter

        exporter = SpanExporter(
            settings.otel_exporter_otlp_endpoint,
            parse_headers(settings.otel_exporter_otlp_headers),
            settings.otel_service_name,
            {"service.version": VERSION, "service.namespace": "research-kb"},
        )
        _Installed.exporter = exporter
        record_to(exporter.add, settings.otel_traces_sampler_arg)
    if settings.sentry_dsn:
        error_reports.report_to(partial(open_client, settings.sentry_dsn, settings.sentry_environment))


def parse_headers(text: str) -> dict[str, str]:
    """Return the headers in `name=value,name=value`, values percent-encoded, as OpenTelemetry defines the variable.

    Raises
    ------
    ValueError
        For a part that is no pair; the message does not repeat it, since it may hold a credential.
    """
    headers = {}
    for number, part in enumerate(text.split(","), start=1):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"OTEL_EXPORTER_OTLP_HEADERS: part {number} is not name=value.")
        headers[name.strip()] = unquote(value.strip())
    return headers


def finish_now(timeout_s: float = FLUSH_S) -> None:
    """Send what waits, within `timeout_s` for each kind; drop the rest, which is logged."""
    if _Installed.exporter is not None:
        _Installed.exporter.flush(timeout_s)
    error_reports.flush(timeout_s)


async def finish() -> None:
    """Send what waits, off the event loop."""
    if _Installed.exporter is not None or error_reports.is_on():
        await asyncio.to_thread(finish_now)
