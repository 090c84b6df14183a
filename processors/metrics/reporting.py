"""What a worker reports of itself while it runs; nothing unless somebody asked for metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.errors import UsageError
from processors.live_fold import BatchObserver
from processors.live_report import LiveFigures
from processors.metrics.folder import keep_metrics_in, metrics_folder

__all__ = ["SILENCE", "Reporting", "report_to_folder", "serve_metrics"]


class Reporting(NamedTuple):
    """What a command of workers calls.

    Attributes:
        start: Once, in the process that stays in charge, when its workers are there.
        observer: In each worker: what hears of its batches, if anybody.
    """

    start: Callable[[], None]
    observer: Callable[[], BatchObserver | None]


SILENCE = Reporting(lambda: None, lambda: None)
"""Where no metrics are asked for."""


def report_to_folder(folder: Path) -> Reporting:
    """Keep the metrics of this process and its forks where another one serves them from.

    Args:
        folder: See `metrics_folder`.
    """
    # The library reads the environment when it is imported.
    keep_metrics_in(folder)
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from processors.metrics.folding import FoldMetrics  # noqa: PLC0415

    return Reporting(lambda: None, lambda: FoldMetrics(CollectorRegistry()))


@contextmanager
def serve_metrics(
    place: str, open_figures: Callable[[], AbstractContextManager[LiveFigures]]
) -> Iterator[Reporting]:
    """Serve the metrics of all workers of a command, and what their figures say.

    Args:
        place: `[HOST:]PORT`.
        open_figures: See `open_live_figures`.

    Raises:
        StoreError: If one cannot listen there.
        UsageError: If it is no place, or the extra is not installed.
    """
    with ExitStack() as resources:
        folder = resources.enter_context(metrics_folder())
        try:
            reporting = report_to_folder(folder)
        except ModuleNotFoundError as error:
            raise UsageError(
                "--metrics needs the extra: pip install 'outcome-ledger[serve]'"
            ) from error
        from processors.metrics.endpoint import MetricsEndpoint, MetricsPlace  # noqa: PLC0415
        from processors.metrics.figures import StatusReader  # noqa: PLC0415

        status = StatusReader(open_figures)
        endpoint = MetricsEndpoint(MetricsPlace.parse(place), folder, status)
        resources.callback(endpoint.close)
        yield reporting._replace(start=endpoint.start)
