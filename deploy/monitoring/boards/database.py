"""Database: connections, pools and size."""

from deploy.monitoring.panels import Line, Row, board, graph, number

USED = "sum(research_kb_database_connections) / max(research_kb_database_connections_limit)"


def build() -> str:
    """Return the board."""
    return board(
        "database",
        "research-kb: database",
        "Connections, pools, rows",
        Row(
            "Connections",
            (
                number("In use", "Of those that Postgres allows", "percentunit", USED, warn=0.7, alarm=0.85),
                graph(
                    "By state",
                    "As Postgres counts them",
                    "short",
                    Line("sum by (state)(research_kb_database_connections)", "{{state}}"),
                    Line("max(research_kb_database_connections_limit)", "limit"),
                ),
                graph(
                    "Pools",
                    "Of processes that are scraped",
                    "short",
                    Line("sum by (function, state)(research_kb_pool_connections)", "{{function}} {{state}}"),
                ),
            ),
        ),
        Row(
            "Rows",
            (
                graph(
                    "Library",
                    "Sources and passages",
                    "short",
                    Line("research_kb_sources", "sources"),
                    Line("research_kb_passages", "passages"),
                ),
                graph("Outbox", "Not yet published", "short", Line("research_kb_outbox_events", "events")),
                graph("Documents", "By state", "short", Line("research_kb_documents", "{{state}}")),
            ),
        ),
    )
