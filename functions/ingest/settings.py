"""Settings of the ingest function."""

from pydantic import Field

from shared.settings import Settings


class IngestSettings(Settings):
    """Limits of what one request may bring."""

    # A scanned textbook has about 50 MB; more belongs into several files.
    max_document_bytes: int = Field(default=64 * 2**20, gt=0)
    # Bodies above 1 MiB that are received and stored at the same time, in bytes; NDJSON takes three times its size.
    upload_memory_bytes: int = Field(default=192 * 2**20, gt=0)
    # How long an upload waits for room, in seconds, before it is answered 503.
    upload_patience_s: float = Field(default=30.0, ge=0)
    # One NDJSON request is answered as a whole: longer ones would outlast proxies' patience.
    max_ndjson_lines: int = Field(default=10_000, gt=0)
    # Rows written in one transaction: large enough to be quick, small enough to hold locks for milliseconds.
    ndjson_batch: int = Field(default=200, gt=0)
