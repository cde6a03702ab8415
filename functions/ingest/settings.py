"""Settings of the ingest function."""

from pydantic import Field

from shared.settings import Settings


class IngestSettings(Settings):
    """Limits of what one request may bring."""

    # A scanned textbook has about 50 MB; more belongs into several files.
    max_document_bytes: int = Field(default=64 * 2**20, gt=0)
    # One NDJSON request is answered as a whole: longer ones would outlast proxies' patience.
    max_ndjson_lines: int = Field(default=10_000, gt=0)
    # Rows written in one transaction: large enough to be quick, small enough to hold locks for milliseconds.
    ndjson_batch: int = Field(default=200, gt=0)
