"""Pictures of a comparison, for a paper or a README. No torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lossbench.comparison.drawing import shaded, summary
from lossbench.records import write_atomically

_COLORS = ("#2563a8", "#c2571a", "#2e7d4f", "#7b4ea3", "#b8336a", "#7a5c2e", "#0f7c86", "#5b6470")
_STYLES = ("-", "--", ":", "-.")
_SHADES = LinearSegmentedColormap.from_list("shades", ["#f3f6fa", "#8db8e3"])


def intervals(path: Path, comparison: Mapping[str, Any]) -> None:
    """Draw each loss's mean with its 95% interval, the single seeds as dots; a panel for each data set.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        comparison: as in ``comparison.json``.
    """
    groups = comparison["groups"]
    data = list(dict.fromkeys(group["data"] for group in groups))
    colors = {name: place for place, name in enumerate(dict.fromkeys(group["label"] for group in groups))}
    counts = [sum(group["data"] == name for group in groups) for name in data]
    figure = Figure(figsize=(7, 0.7 * len(data) + 0.42 * sum(counts) + 0.4), layout="constrained")
    panels = figure.subplots(len(data), 1, squeeze=False, height_ratios=[count + 0.6 for count in counts])
    for axes, name in zip(panels[:, 0], data, strict=True):
        shown = [group for group in groups if group["data"] == name]
        for row, group in enumerate(shown):
            color = _COLORS[colors[group["label"]] % len(_COLORS)]
            scores = [score for score in group["scores"] if score is not None and np.isfinite(score)]
            spread = 0.22 * np.sin(2.4 * np.arange(len(scores)))
            axes.plot(scores, row + spread, ".", color=color, alpha=0.35, markersize=5, markeredgewidth=0)
            if group["mean"] is None:
                continue
            low, high = (group["mean"] if end is None else end for end in group["mean_ci95"])
            axes.plot([low, high], [row, row], "-", color=color, linewidth=2.4, solid_capstyle="round")
            axes.plot(group["mean"], row, "D", color=color, markersize=6, markeredgecolor="white")
        axes.set_yticks(range(len(shown)), [_literal(group["label"]) for group in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="0.92")
        axes.set_axisbelow(True)
        if len(data) > 1:
            axes.set_title(_literal(name), loc="left", fontsize="medium")
    direction = "higher" if comparison["higher_is_better"] else "lower"
    panels[-1, 0].set_xlabel(
        _literal(f"{comparison['metric']} ({direction} is better): mean, 95% interval, seeds")
    )
    _save(path, figure)


def curves(path: Path, curves: Mapping[str, pd.DataFrame], yardstick: str) -> None:
    """Draw the yardstick on validation against the epoch: the median seed, and the middle 80% as a band.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        curves: by label, columns ``seed``, ``epoch`` and ``validation/<yardstick>``.
        yardstick: its name, with or without ``validation/``.
    """
    column = f"validation/{yardstick.removeprefix('validation/')}"
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    shown = {label: frame for label, frame in curves.items() if len(frame) and column in frame}
    handles = []
    for place, (label, frame) in enumerate(shown.items()):
        drawn = summary(frame[["seed", "epoch", column]])
        if column not in drawn["columns"]:
            continue
        color, style = _COLORS[place % len(_COLORS)], _STYLES[place // len(_COLORS) % len(_STYLES)]
        parts = {name: np.array(part, float) for name, part in drawn["columns"][column].items()}
        if drawn["seeds"] > 1:
            axes.fill_between(
                drawn["epoch"], parts["low"], parts["high"], color=color, alpha=0.15, linewidth=0
            )
        handles.extend(axes.plot(drawn["epoch"], parts["median"], style, color=color, linewidth=1.8))
        handles[-1].set_label(_literal(f"\N{ZERO WIDTH SPACE}{label}" if label.startswith("_") else label))
    axes.set(xlabel="epoch", ylabel=_literal(column))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    if handles:
        figure.legend(handles=handles, loc="outside right upper", frameon=False)
    _save(path, figure)


def matrix(path: Path, comparison: Mapping[str, Any]) -> None:
    """Draw how each loss does by every metric; framed where the metric is the loss trained with.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        comparison: as in ``comparison.json``.
    """
    table = shaded(comparison["matrix"])
    metrics, rows = table["metrics"], table["rows"]
    several = len({row["data"] for row in rows}) > 1
    figure = Figure(figsize=(2.4 + 1.1 * len(metrics), 1.1 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    shades = np.array([row["shades"] for row in rows], float).reshape(len(rows), len(metrics))
    axes.set_facecolor("white")
    axes.imshow(np.ma.masked_invalid(shades), cmap=_SHADES, vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(rows):
        for x, (text, same) in enumerate(zip(row["texts"], row["same"], strict=True)):
            axes.text(x, y, text, ha="center", va="center", fontweight="bold" if same else "normal")
            if same:
                axes.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, fill=False, linewidth=1.4))
    names = [f"{row['label']} ({row['data']})" if several else row["label"] for row in rows]
    axes.set_yticks(range(len(rows)), _literals(names))
    axes.set_xticks(range(len(metrics)), _literals(metrics))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    scale = "worst (pale) to best" if table["directed"] else "lowest (pale) to highest"
    axes.set_xlabel(f"shade: {scale} of a column; framed: trained with this very metric", fontsize="small")
    _save(path, figure)


def _literal(text: str) -> str:
    r"""A label as it stands: no mathematics, no line breaks, not overlong.

    >>> _literal("cost in $ and $")
    'cost in \\$ and \\$'
    """
    line = " ".join(text.split())
    return (line if len(line) <= 80 else f"{line[:79]}\N{HORIZONTAL ELLIPSIS}").replace("$", r"\$")


def _literals(texts: Sequence[str]) -> list[str]:
    return [_literal(text) for text in texts]


def _save(path: Path, figure: Figure) -> None:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in ("png", "svg"):
        raise ValueError(f"{path.name}: a picture is a .png or an .svg")
    FigureCanvasAgg(figure)
    metadata = {"Date": None} if kind == "svg" else None  # the same comparison gives the same bytes
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lossbench"}):
        write_atomically(
            path, lambda temporary: figure.savefig(temporary, format=kind, dpi=160, metadata=metadata)
        )
