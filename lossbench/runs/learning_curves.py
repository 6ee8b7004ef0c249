"""The picture of a run: its learning curves. This module imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lossbench.records.files import write_atomically

_LOSS_COLORS, _SCORE_COLOR = ("#4c72b0", "#dd8452"), "#55a868"


def draw(
    path: Path,
    curves: Mapping[str, NDArray[np.float64]],
    best_epochs: list[int | None],
    title: str,
) -> None:
    """Draw losses and primary metric against the epoch: a line per replicate, and their mean.

    Args:
        path: the PNG to write.
        curves: the losses on train and validation, and last the primary metric, by name; each ``(E, R)``, NaN
            where a replicate had stopped.
        best_epochs: one per replicate; they are marked.
        title: the figure's title.
    """
    losses, primary = ["train/loss", "validation/loss"], list(curves)[-1]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, color in zip(losses, _LOSS_COLORS, strict=True):
        _draw(left, curves[name], color, name.removesuffix("/loss"))
    _draw(right, curves[primary], _SCORE_COLOR, primary)
    for replicate, epoch in enumerate(best_epochs):
        if epoch:  # the untrained network is not in the curves
            best = curves[primary][epoch - 1, replicate]
            right.plot(epoch, best, "o", color=_SCORE_COLOR, markersize=4, markeredgecolor="white")
    left.set(xlabel="epoch", ylabel="training objective")
    right.set(xlabel="epoch (dots: the best)", ylabel=primary)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.92")
        axes.set_axisbelow(True)
    left.legend(frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    FigureCanvasAgg(figure)
    write_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=130))


def _draw(axes: Any, values: NDArray[np.float64], color: str, label: str) -> None:
    epochs = np.arange(1, len(values) + 1)
    shown = np.where(np.isfinite(values), values, np.nan)
    alone = np.isfinite(shown).sum(1) > 0
    if shown.shape[1] > 1:
        axes.plot(epochs, shown, color=color, linewidth=0.6, alpha=0.35)
    axes.plot(epochs[alone], np.nanmean(shown[alone], axis=1), color=color, linewidth=1.8, label=label)
