"""Prometheus' own tool checks the rules and evaluates them on made-up series."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "monitoring" / "rules.yml"
CASES = ROOT / "tests" / "monitoring" / "rules_test.yml"
IN_KUBERNETES = ROOT / "deploy" / "monitoring" / "rules.k8s.yaml"
CLUSTER_CASES = ROOT / "tests" / "monitoring" / "rules_k8s_test.yml"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool; skip where it is not installed."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool: install Debian's package prometheus")
    return subprocess.run([found, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_prometheus_accepts_the_rules() -> None:
    """Syntax, names, templates."""
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_not_before() -> None:
    """Burn rates, symptoms, quiet days."""
    done = promtool("test", "rules", str(CASES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_of_the_cluster_fire_when_they_should(tmp_path: Path) -> None:
    """Kubernetes' rules, without the object around them, are accepted; a log that is not archived is told."""
    rules = yaml.safe_load(IN_KUBERNETES.read_text(encoding="utf-8"))["spec"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    shutil.copy(CLUSTER_CASES, tmp_path)
    for arguments in (
        ("check", "rules", str(tmp_path / "rules.yml")),
        ("test", "rules", str(tmp_path / CLUSTER_CASES.name)),
    ):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_that_is_wrong_is_told(tmp_path: Path) -> None:
    """The check can fail: with a bound moved, a case no longer holds."""
    rules = RULES.read_text(encoding="utf-8").replace("research_kb_dead_letters) > 0", "research_kb_dead_letters) > 99")
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    cases = CASES.read_text(encoding="utf-8").replace("../../deploy/monitoring/rules.yml", "rules.yml")
    (tmp_path / "cases.yml").write_text(cases, encoding="utf-8")
    done = promtool("test", "rules", str(tmp_path / "cases.yml"))
    assert done.returncode != 0
    assert "ResearchKbDeadLetters" in done.stdout + done.stderr


def test_no_window_is_shorter_than_the_steps_of_the_sums() -> None:
    """Sums may move every ten minutes only, with the sweep: each window sees a step, one that is late too.

    A process's own counters move at once.
    """
    rates = r"(?:rate|increase)\((?!research_kb_process_)[^\[]+\[(\d+)([mhd])\]"
    windows = re.findall(rates, RULES.read_text(encoding="utf-8"))
    assert windows
    assert min(int(count) * {"m": 1, "h": 60, "d": 1440}[unit] for count, unit in windows) >= 15


def test_every_alert_has_a_case() -> None:
    """No alert is without an example that makes it fire."""
    groups = yaml.safe_load(IN_KUBERNETES.read_text(encoding="utf-8"))["spec"]["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    tests = [
        test for path in (CASES, CLUSTER_CASES) for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    ]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert alerts == fired
