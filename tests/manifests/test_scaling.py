"""What wakes and keeps the model server, evaluated by Prometheus' own engine."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.manifests.mistakes import trigger
from tests.manifests.rendering import Object

FAILED = 'research_kb_inference_requests_total{model="query_embedder",outcome="unavailable",pod="%s"}'
# Samples every 15 s: `_` is none, `stale` a pod that is gone, AxN N more samples of A.
CASES = {
    "nobody searches": ([], [("10m", 0)]),
    "one search of a pod that lives a minute, and missed its dense leg": (
        [(FAILED % "a", "_x20 1 1 1 1 stale")], [("4m", 0), ("5m45s", 1), ("15m", 1), ("25m", 0)]),
    "searches of a pod that stays": (
        [(FAILED % "a", "3x100 3+1x20 23x200")], [("24m", 0), ("29m", 1), ("40m", 1), ("60m", 0)]),
    "only what the metrics function has added up": (
        [('research_kb_searches_total{outcome="degraded"}', "7x40 9x200")], [("9m", 0), ("12m", 1), ("30m", 0)]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_searches_wake_the_model_server_and_keep_it(
    case: str, rendered: Callable[[str], list[Object]], tmp_path: Path
) -> None:
    """The trigger is above zero from a search on, for a quarter of an hour, and then zero again."""
    query = trigger(rendered("gpu"), "searches")["metadata"]["query"]
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: Debian's package prometheus has it")
    series, expected = CASES[case]
    tests = [
        {"expr": f"({query}) > bool 0", "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
        for at, value in expected
    ]
    (tmp_path / "rules.yml").write_text("groups: []\n")
    given = [{"series": name, "values": values} for name, values in series]
    suite = {"rule_files": ["rules.yml"], "evaluation_interval": "15s",
             "tests": [{"interval": "15s", "input_series": given, "promql_expr_test": tests}]}  # fmt: skip
    (tmp_path / "test.yml").write_text(yaml.safe_dump(suite))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
