"""Learning curves summarised over the seeds, and the curves of the losses themselves.

This module imports no torch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

POINTS = 300  # the largest number of epochs that is drawn of a learning curve
LOSS_CURVE_PARTS = ("value", "gradient", "curvature")
_QUANTILES = (0.1, 0.9)  # over the seeds, the ends of a learning curve's band


@dataclass(frozen=True)
class CurveBand:
    """A column of the learning curves at each epoch: the median over the seeds, and the middle 80%."""

    median: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class LearningCurve:
    """The learning curves of one loss, summarised over the seeds, by column."""

    epoch: tuple[int, ...]
    seeds: int
    columns: Mapping[str, CurveBand]


def summed_up(frame: "pd.DataFrame") -> LearningCurve:
    """Summarise the learning curves of one loss over the seeds.

    The columns of the frame are ``seed``, ``epoch`` and what was recorded.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"seed": [0, 1], "epoch": [1, 1], "train/loss": [1.0, 3.0]})
    >>> summed_up(frame).columns["train/loss"]
    CurveBand(median=(2.0,), low=(1.2,), high=(2.8,))
    """
    names = [name for name in frame.columns if name not in ("replicate", "seed", "epoch")]
    finite = frame[["epoch", *names]].replace([np.inf, -np.inf], np.nan)
    epochs = np.sort(finite["epoch"].unique())
    indices = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), POINTS)).round().astype(int))
    kept = epochs[indices]
    by_epoch = finite[finite["epoch"].isin(kept)].groupby("epoch")[names]
    median, low, high = by_epoch.median(), *(by_epoch.quantile(share) for share in _QUANTILES)
    return LearningCurve(
        epoch=tuple(int(epoch) for epoch in kept),
        seeds=int(frame["seed"].nunique()),
        columns={
            name: CurveBand(*(tuple(map(_rounded, part[name])) for part in (median, low, high)))
            for name in names
            if finite[name].notna().any()
        },
    )


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


@dataclass(frozen=True)
class LossCurve:
    """A loss's value, gradient and curvature along the one number that it depends on, named by ``axis``."""

    axis: str
    x: Sequence[float]
    value: Sequence[float]
    gradient: Sequence[float]
    curvature: Sequence[float]

    @property
    def parts(self) -> dict[str, Sequence[float]]:
        """What can be drawn against ``x``, by name."""
        return {"value": self.value, "gradient": self.gradient, "curvature": self.curvature}
