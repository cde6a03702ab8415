"""PromQL that several boards write alike."""


def rate(metric: str, labels: str = "", by: str = "") -> str:
    """Return the sum of a counter's rate a second, over the interval that fits the graph's width."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped}(rate({metric}{{{labels}}}[$__rate_interval]))"


def share(part: str, whole: str) -> str:
    """Return part / whole of two rates; nothing where nothing happened."""
    return f"{part} / ({whole} > 0)"


def quantile(q: float, metric: str, labels: str = "", by: str = "") -> str:
    """Return a histogram's quantile; `metric` is its name without `_bucket`."""
    groups = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({groups})(rate({metric}_bucket{{{labels}}}[$__rate_interval])))"
