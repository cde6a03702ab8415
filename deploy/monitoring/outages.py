"""Alerts on what the sums cannot hold: a request that was never admitted, a document that never settles.

Without Postgres every answer is a 503 at the door, and a process that is away answers nothing at all.
"""

from deploy.monitoring.symptoms import Symptom

PROCESSES = "functions|bridge|research-kb/functions|metrics-scrape"
"""Jobs: of Compose's Prometheus, and those that the Prometheus operator names after our monitors."""

HTTP_FUNCTIONS = "search|sources|stats|ingest|keys"
"""Not health: its 503 is an answer about other parts, and whoever watches asks for it all the time."""

ANSWERS = f'research_kb_process_requests_total{{function=~"{HTTP_FUNCTIONS}"}}'
FAILURES = f'research_kb_process_requests_total{{function=~"{HTTP_FUNCTIONS}", status=~"5.."}}'


def grown(series: str) -> str:
    """Return what a function's processes together have added in five minutes."""
    return f"sum by (function)(increase({series}[5m]))"


OUTAGES = (
    Symptom(
        "ResearchKbDatabaseAway",
        "max(research_kb_database_up) == 0",
        "2m",
        "page",
        "Postgres does not answer: every request ends in 503",
        "database-away",
    ),
    Symptom(
        "ResearchKbFunctionDown",
        f'min by (job, instance)(up{{job=~"{PROCESSES}"}}) == 0',
        "5m",
        "page",
        "A process of ours does not answer",
        "function-down",
    ),
    Symptom(
        "ResearchKbFunctionsFail",
        f"{grown(FAILURES)} / {grown(ANSWERS)} > 0.1 and {grown(FAILURES)} >= 10",
        "2m",
        "page",
        "More than a tenth of a function's answers are 5xx, those at the door counted",
        "availability",
    ),
    Symptom(
        "ResearchKbIngestionStands",
        "max(research_kb_documents_oldest_waiting_seconds) > 1800",
        "10m",
        "ticket",
        "A document waits for more than half an hour: nothing may be consuming its events",
        "ingestion-stands",
    ),
)
