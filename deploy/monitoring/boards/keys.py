"""Keys and tiers: who is refused, and why."""

from deploy.monitoring.panels import Line, Row, board, graph
from deploy.monitoring.promql import rate, share

REFUSED = rate("research_kb_request_refusals_total", 'reason=~"rate|concurrency"')


def build() -> str:
    """Return the board."""
    return board(
        "keys",
        "research-kb: keys and tiers",
        "Keys, limits, refusals",
        Row(
            "Keys",
            (
                graph("Valid keys", "By tier", "short", Line("research_kb_keys", "{{tier}}"), stacked=True),
                graph(
                    "Requests",
                    "By function",
                    "reqps",
                    Line(rate("research_kb_requests_total", by="function"), "{{function}}"),
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Refusals",
            (
                graph(
                    "By reason",
                    "Missing, unknown or expired keys, scopes, limits",
                    "reqps",
                    Line(rate("research_kb_request_refusals_total", by="reason"), "{{reason}}"),
                ),
                graph(
                    "By tier",
                    "Limits reached",
                    "reqps",
                    Line(rate("research_kb_request_refusals_total", by="tier"), "{{tier}}"),
                ),
                graph(
                    "Share over a limit",
                    "Of all requests",
                    "percentunit",
                    Line(share(REFUSED, rate("research_kb_requests_total")), "refused"),
                ),
            ),
        ),
    )
