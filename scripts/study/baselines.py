"""The baselines of lossbench's own comparison, and its verdict, for the runs of a table."""

from collections.abc import Sequence
from pathlib import Path

import lossbench
from lossbench.cli.baselines import complete_baselines
from lossbench.errors import UserError
from lossbench.records.baselines import BOOSTING, CONSTANT, LINEAR, NAMES, read_baselines

__all__ = ["BOOSTING", "CONSTANT", "LINEAR", "compared"]

Scores = dict[str, list[float | None]]


def compared(runs: Sequence[Path], metric: str) -> tuple[str, dict[str, Scores]]:
    """Compare the runs of a table by a metric, as a sweep does at its end.

    Args:
        runs: the folders of the runs, which all have the metric.
        metric: the primary metric, such as ``rmse``.

    Returns:
        The verdict, and every metric on the test part, one value per seed, for each baseline.

    Raises:
        UserError: a baseline could not be trained; the reason is printed.
    """
    comparison = complete_baselines(lossbench.compare(*runs, metric=metric), runs)
    part = "test/"
    scores = {
        record.result.loss: {
            name.removeprefix(part): values
            for name, values in record.result.metrics.items()
            if name.startswith(part)
        }
        for record in read_baselines(runs)
        if record.result.primary_metric == metric
    }
    missing = [name for name in NAMES if not scores.get(name)]
    if missing:
        raise UserError(f"there is no baseline called {', '.join(missing)}")
    return comparison.verdict, scores
