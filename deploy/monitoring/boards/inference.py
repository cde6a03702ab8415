"""Inference: the model server as its clients and as it itself see it."""

from deploy.monitoring.panels import Line, Row, board, graph, number
from deploy.monitoring.promql import quantile, rate

QUEUE = (
    "sum by (model)(rate(nv_inference_queue_duration_us[$__rate_interval])) / 1e6 / "
    "clamp_min(sum by (model)(rate(nv_inference_request_success[$__rate_interval])), 0.1)"
)
COMPUTE = (
    "sum by (model)(rate(nv_inference_compute_infer_duration_us[$__rate_interval])) / 1e6 / "
    "clamp_min(sum by (model)(rate(nv_inference_request_success[$__rate_interval])), 0.1)"
)


def build() -> str:
    """Return the board."""
    return board(
        "inference",
        "research-kb: inference",
        "Triton: requests, queues, models",
        Row(
            "As the functions see it",
            (
                number("Model server", "1: answers", "short", "research_kb_inference_up", warn=1, alarm=0.5),
                graph(
                    "Requests",
                    "By model and outcome, of processes that are scraped",
                    "reqps",
                    Line(rate("research_kb_inference_requests_total", by="model, outcome"), "{{model}} {{outcome}}"),
                ),
                graph(
                    "Request, p95",
                    "With the network",
                    "s",
                    Line(quantile(0.95, "research_kb_inference_request_seconds", by="model"), "{{model}}"),
                ),
                graph(
                    "Searches without meaning",
                    "The dense leg was left out",
                    "reqps",
                    Line(rate("research_kb_search_degraded_total", 'part="dense"'), "dense"),
                ),
            ),
        ),
        Row(
            "As the model server sees it",
            (
                graph("Queue time", "Of one request; scaling follows it", "s", Line(QUEUE, "{{model}}")),
                graph("Compute time", "Of one request", "s", Line(COMPUTE, "{{model}}")),
                graph(
                    "Texts a second",
                    "Inferences, batches counted by their rows",
                    "reqps",
                    Line(rate("nv_inference_count", by="model"), "{{model}}"),
                ),
                graph(
                    "Failed requests",
                    "By model",
                    "reqps",
                    Line(rate("nv_inference_request_failure", by="model"), "{{model}}"),
                ),
            ),
        ),
    )
