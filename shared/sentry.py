"""Sentry's client, imported and made by the thread that sends: importing it takes as long as a cold start."""

from shared.error_reports import Client
from shared.version import VERSION


def open_client(dsn: str, environment: str) -> Client:
    """Return a client that sends what it is given and collects nothing by itself."""
    import sentry_sdk

    return sentry_sdk.Client(
        dsn=dsn,
        release=f"research-kb@{VERSION}",
        environment=environment,
        default_integrations=False,  # they would patch threads, logging and excepthook, and send what those hold
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_breadcrumbs=0,
        shutdown_timeout=1,
    )
