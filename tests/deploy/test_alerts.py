"""Alerts are rules that Prometheus takes, on metrics that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.metrics import sample_names

ALERTS = Path(__file__).parents[2] / "deploy" / "alerts.yml"
METRIC = re.compile(r"\boutcomes_[a-z_]+\b")


def rules():
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return group["rules"]


def unknown(expression):
    return set(METRIC.findall(expression)) - sample_names()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_names_metrics_that_exist_and_says_what_to_do(rule):
    assert METRIC.search(rule["expr"])
    assert set() == unknown(rule["expr"])
    assert {"summary", "action"} == set(rule["annotations"])


def test_a_metric_that_does_not_exist_is_seen():
    assert {"outcomes_nothing"} == unknown("max(outcomes_nothing) > 1")


def test_prometheus_takes_them():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    done = subprocess.run(
        [promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr
