"""Search quality: what the answers were like, and where their time went."""

from deploy.monitoring.panels import Line, Row, board, graph
from deploy.monitoring.promql import quantile, rate, share

ALL = rate("research_kb_searches_total")


def build() -> str:
    """Return the board."""
    return board(
        "search",
        "research-kb: search quality",
        "Scores, empty and degraded answers, feedback, stages",
        Row(
            "Answers",
            (
                graph(
                    "Outcome",
                    "found, empty, degraded",
                    "reqps",
                    Line(rate("research_kb_searches_total", by="outcome"), "{{outcome}}"),
                    stacked=True,
                ),
                graph(
                    "Share empty",
                    "Answers without a hit",
                    "percentunit",
                    Line(share(rate("research_kb_searches_total", 'outcome="empty"'), ALL), "empty"),
                ),
                graph(
                    "Degraded, by what was left out",
                    "A leg or stage that failed or was late",
                    "reqps",
                    Line(rate("research_kb_search_degraded_total", by="part"), "{{part}}"),
                ),
            ),
        ),
        Row(
            "Quality",
            (
                graph(
                    "Top score",
                    "Combined score of the first hit",
                    "short",
                    Line(quantile(0.1, "research_kb_search_top_score"), "p10"),
                    Line(quantile(0.5, "research_kb_search_top_score"), "p50"),
                    Line(quantile(0.9, "research_kb_search_top_score"), "p90"),
                ),
                graph(
                    "Score gap",
                    "First hit's score less the second's: small gaps are ambiguous questions",
                    "short",
                    Line(quantile(0.1, "research_kb_search_score_gap"), "p10"),
                    Line(quantile(0.5, "research_kb_search_score_gap"), "p50"),
                ),
                graph(
                    "Feedback",
                    "POST /feedback, by verdict",
                    "reqps",
                    Line(rate("research_kb_feedback_total", by="verdict"), "{{verdict}}"),
                    stacked=True,
                ),
                graph(
                    "Hits", "Median number in an answer", "short", Line(quantile(0.5, "research_kb_search_hits"), "p50")
                ),
            ),
        ),
        Row(
            "Latency",
            (
                graph(
                    "Stages, p95",
                    "Each stage by itself; legs run at once",
                    "s",
                    Line(quantile(0.95, "research_kb_search_stage_seconds", by="stage"), "{{stage}}"),
                ),
                graph(
                    "Stages, p50",
                    "The same, median",
                    "s",
                    Line(quantile(0.5, "research_kb_search_stage_seconds", by="stage"), "{{stage}}"),
                ),
            ),
        ),
    )
