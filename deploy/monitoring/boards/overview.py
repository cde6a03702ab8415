"""Overview and service level objectives."""

from deploy.monitoring.panels import Line, Row, board, graph, number
from deploy.monitoring.promql import quantile, rate

NOT_FAILED = (
    '1 - sum(increase(research_kb_requests_total{status=~"5.."}[30d])) / '
    "(sum(increase(research_kb_requests_total[30d])) > 0)"
)
FAST = (
    'sum(increase(research_kb_search_seconds_bucket{le="0.2"}[30d])) / '
    "(sum(increase(research_kb_search_seconds_count[30d])) > 0)"
)


def build() -> str:
    """Return the board."""
    return board(
        "overview",
        "research-kb: overview",
        "Are the objectives met, how much is asked, what fails",
        Row(
            "Objectives, 30 days",
            (
                number(
                    "Answered",
                    "Admitted requests that did not end in 5xx. Objective .995",
                    "percentunit",
                    NOT_FAILED,
                    warn=0.997,
                    alarm=0.995,
                ),
                number(
                    "Searches within 200 ms",
                    "Answered ones, in the function. Objective .95",
                    "percentunit",
                    FAST,
                    warn=0.97,
                    alarm=0.95,
                ),
                number(
                    "Dead letters",
                    "Events given up and not replayed",
                    "short",
                    "research_kb_dead_letters",
                    warn=1,
                    alarm=10,
                ),
                number(
                    "Oldest unpublished event",
                    "Since its transaction",
                    "s",
                    "research_kb_outbox_oldest_seconds",
                    warn=60,
                    alarm=1200,
                ),
            ),
        ),
        Row(
            "Error budget: how fast it burns (1: used up exactly in 30 days)",
            (
                graph(
                    "Availability",
                    "Of the .5 % that may fail",
                    "short",
                    Line("research_kb:request_errors:ratio1h / 0.005", "one hour"),
                    Line("research_kb:request_errors:ratio6h / 0.005", "six hours"),
                ),
                graph(
                    "Latency",
                    "Of the 5 % that may be slower than 200 ms",
                    "short",
                    Line("research_kb:slow_searches:ratio1h / 0.05", "one hour"),
                    Line("research_kb:slow_searches:ratio6h / 0.05", "six hours"),
                ),
            ),
        ),
        Row(
            "Traffic",
            (
                graph(
                    "Requests",
                    "By function",
                    "reqps",
                    Line(rate("research_kb_requests_total", by="function"), "{{function}}"),
                    stacked=True,
                ),
                graph(
                    "Failures and refusals",
                    "Admitted requests answered with 4xx or 5xx, and those refused (401, 403, 429) by reason",
                    "reqps",
                    Line(rate("research_kb_requests_total", 'status=~"[45].."', "status"), "{{status}}"),
                    Line(rate("research_kb_request_refusals_total", by="reason"), "refused: {{reason}}"),
                ),
                graph(
                    "5xx",
                    "As the processes that live count them: 503 at the door too, while nobody is admitted",
                    "reqps",
                    Line(rate("research_kb_process_requests_total", 'status=~"5.."', "function"), "{{function}}"),
                ),
                graph(
                    "Searches",
                    "Answered searches, in the function: admission included, waiting for a process and the network not",
                    "s",
                    Line(quantile(0.5, "research_kb_search_seconds"), "p50"),
                    Line(quantile(0.95, "research_kb_search_seconds"), "p95"),
                    Line(quantile(0.99, "research_kb_search_seconds"), "p99"),
                ),
            ),
        ),
        Row(
            "Scaling",
            (
                graph(
                    "Cold starts",
                    "Processes that answered their first request",
                    "short",
                    Line("sum by (function)(increase(research_kb_cold_starts_total[1h]))", "{{function}}"),
                ),
                graph(
                    "Whole library",
                    "What is searchable",
                    "short",
                    Line("research_kb_sources", "sources"),
                    Line("research_kb_passages", "passages"),
                ),
            ),
        ),
    )
