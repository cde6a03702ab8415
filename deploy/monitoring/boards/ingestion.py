"""Ingestion: from accepted to searchable, from deleted to gone, and what is stuck between."""

from deploy.monitoring.panels import Line, Row, board, graph
from deploy.monitoring.promql import quantile, rate
from deploy.monitoring.symptoms import LAG


def build() -> str:
    """Return the board."""
    return board(
        "ingestion",
        "research-kb: ingestion",
        "Freshness, outcomes, events, dead letters",
        Row(
            "Freshness",
            (
                graph(
                    "Accepted to searchable",
                    "Of documents that were indexed",
                    "s",
                    Line(quantile(0.5, "research_kb_document_freshness_seconds"), "p50"),
                    Line(quantile(0.95, "research_kb_document_freshness_seconds"), "p95"),
                ),
                graph(
                    "Deleted to gone",
                    "From the request to the last trace",
                    "s",
                    Line(quantile(0.95, "research_kb_deletion_seconds"), "p95"),
                ),
                graph(
                    "Settled documents",
                    "By outcome",
                    "reqps",
                    Line(rate("research_kb_documents_settled_total", by="outcome"), "{{outcome}}"),
                    stacked=True,
                ),
                graph("Documents by state", "Now", "short", Line("research_kb_documents", "{{state}}")),
            ),
        ),
        Row(
            "Events",
            (
                graph(
                    "Counted events",
                    "By type",
                    "reqps",
                    Line(rate("research_kb_events_handled_total", by="type"), "{{type}}"),
                ),
                graph(
                    "Consumer lag",
                    "Published and not yet finished",
                    "short",
                    Line(LAG, "{{subscription}}"),
                ),
                graph(
                    "Deliveries",
                    "By outcome (bridge)",
                    "reqps",
                    Line(
                        rate("research_kb_bridge_deliveries_total", by="subscription, outcome"),
                        "{{subscription}} {{outcome}}",
                    ),
                ),
                graph(
                    "Attempt, p95",
                    "Time of one delivery (bridge)",
                    "s",
                    Line(quantile(0.95, "research_kb_bridge_delivery_seconds", by="subscription"), "{{subscription}}"),
                ),
            ),
        ),
        Row(
            "What is left over",
            (
                graph(
                    "Oldest document that waits",
                    "Since its acceptance: queued, extracting or embedding",
                    "s",
                    Line("research_kb_documents_oldest_waiting_seconds", "oldest"),
                ),
                graph(
                    "Dead letters", "Given up and not replayed", "short", Line("research_kb_dead_letters", "waiting")
                ),
                graph(
                    "Unpublished events", "Rows of the outbox", "short", Line("research_kb_outbox_events", "waiting")
                ),
                graph(
                    "Oldest unpublished event",
                    "The sweep publishes what a function left, every ten minutes",
                    "s",
                    Line("research_kb_outbox_oldest_seconds", "oldest"),
                ),
            ),
        ),
    )
