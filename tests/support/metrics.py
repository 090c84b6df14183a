"""Reading metrics, and knowing which there are."""

from __future__ import annotations

import urllib.request

from prometheus_client import CollectorRegistry, generate_latest

from ledger.repairs import LetterCounts
from outcomes.serve.comparing import families
from outcomes.serve.metrics import Metrics
from processors.lag import Lag
from processors.live_report import LiveStatus
from processors.metrics.figures import FiguresCollector
from processors.metrics.folding import FoldMetrics
from projections.figures import RecordCounts
from tests.support.workers import PATIENCE

_SUFFIXES = ("_count", "_sum", "_bucket", "_total")


def value_of(text, sample):
    """The value of one sample."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{sample} ")]
    return float(line.split()[-1])


def address_of(worker):
    """Where a worker serves its metrics."""
    (served,) = [each for each in worker.messages() if each["event"] == "metrics.served"]
    return f"{served['host']}:{served['port']}"


def scraped(address):
    """What Prometheus would get there."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
        return answer.read().decode()


def metric_names():
    """The names of all metrics of a server and a worker; of counters without `_total`."""
    registry = Metrics().registry
    FoldMetrics(registry)
    status = LiveStatus("", RecordCounts(), [Lag(0, 0, 0, 0, 0.0, None)], LetterCounts({}, {}))
    registry.register(FiguresCollector(lambda: status))
    compared = families(0.0, agrees=True)
    return {metric.name for metric in (*registry.collect(), *compared)}


def sample_names():
    """The names under which they can be asked for."""
    names = metric_names()
    return names | {f"{name}{suffix}" for name in names for suffix in _SUFFIXES}


def exposed(*collectors):
    """The text of some collectors."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry).decode()
