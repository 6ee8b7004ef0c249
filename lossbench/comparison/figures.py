"""Figures of a comparison, for a paper or a README. This module imports no torch."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from lossbench.comparison import charts
from lossbench.comparison.curves import LOSS_CURVE_PARTS, CurveBand, LossCurve, summed_up
from lossbench.comparison.model import Comparison, Group
from lossbench.records.baselines import BOOSTING, CONSTANT, LINEAR
from lossbench.records.files import write_atomically

_Style = Literal["-", "--", ":", "-."]
_Look = tuple[str, _Style]  # color and style
_COLORS = ("#2563a8", "#c2571a", "#2e7d4f", "#7b4ea3", "#b8336a", "#7a5c2e", "#0f7c86", "#5b6470")
_STYLES: tuple[_Style, ...] = ("-", "--", ":", "-.")
_REFERENCES: dict[str, _Style] = {CONSTANT: "-", LINEAR: "--", BOOSTING: ":"}
_SHADES = LinearSegmentedColormap.from_list("shades", ["#f3f6fa", "#8db8e3"])


def intervals(path: Path, comparison: Comparison) -> None:
    """Draw each loss's mean with its 95% interval, and single seeds as dots; lines are baselines.

    Args:
        path: the figure; ``.png`` or ``.svg``.
        comparison: what is drawn.
    """
    blocks, looks, references = comparison.blocks, _looks(comparison.labels), charts.references(comparison)
    rows = [[group for group in comparison.groups if group.data == name] for name in blocks]
    figure = Figure(
        figsize=(7, 0.7 * len(blocks) + 0.42 * len(comparison.groups) + 0.4), layout="constrained"
    )
    heights = [len(groups) + 0.6 for groups in rows]
    panels = figure.subplots(len(blocks), 1, squeeze=False, height_ratios=heights)
    for axes, name, groups in zip(panels[:, 0], blocks, rows, strict=True):
        for row, group in enumerate(groups):
            _draw_interval(axes, row, group, looks[group.label][0])
        _label_rows(axes, [group.label for group in groups])
        for reference in references:
            if reference.data == name:
                axes.axvline(reference.mean, color="0.45", linestyle=_REFERENCES[reference.name], zorder=0)
        if len(blocks) > 1:
            axes.set_title(_literal(name), loc="left", fontsize="medium")
    label = f"{comparison.metric}: {_direction(comparison, 'mean, 95% interval, seeds')}"
    panels[-1, 0].set_xlabel(_literal(label))
    drawn = dict.fromkeys(reference.name for reference in references)
    _legend(figure, {name: ("0.45", _REFERENCES[name]) for name in drawn})
    _save(path, figure)


def _draw_interval(axes: Axes, row: int, group: Group, color: str) -> None:
    scores = [score for score in group.scores if np.isfinite(score)]
    spread = 0.22 * np.sin(2.4 * np.arange(len(scores)))
    axes.plot(scores, row + spread, ".", color=color, alpha=0.35, markersize=5, markeredgewidth=0)
    mean = group.summary.mean
    if mean is not None:
        low, high = (mean if end is None else end for end in group.summary.mean_ci95)
        axes.plot([low, high], [row, row], "-", color=color, linewidth=2.4, solid_capstyle="round")
        axes.plot(mean, row, "D", color=color, markersize=6, markeredgecolor="white")


def learning_curves(path: Path, curves: Mapping[str, pd.DataFrame], metric: str) -> None:
    """Draw a metric on validation against the epoch: the median over the seeds, and the middle 80% as a band.

    Args:
        path: the figure; ``.png`` or ``.svg``.
        curves: by label, columns ``seed``, ``epoch`` and ``validation/<metric>``.
        metric: its name, with or without ``validation/``.
    """
    column = f"validation/{metric.removeprefix('validation/')}"
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    drawable = {label: frame for label, frame in curves.items() if len(frame) and column in frame}
    looks, handles = _looks(drawable), []
    for label, frame in drawable.items():
        curve = summed_up(frame[["seed", "epoch", column]])
        if column in curve.columns:
            handles.append(
                _draw_band(axes, curve.epoch, curve.columns[column], looks[label], curve.seeds > 1)
            )
            # matplotlib leaves labels that begin with an underscore out of a legend
            handles[-1].set_label(
                _literal(f"\N{ZERO WIDTH SPACE}{label}" if label.startswith("_") else label)
            )
    axes.set(xlabel="epoch", ylabel=_literal(column))
    _plain(axes)
    if handles:
        figure.legend(handles=handles, loc="outside right upper", frameon=False)
    _save(path, figure)


def _draw_band(axes: Axes, epoch: Sequence[int], band: CurveBand, look: _Look, filled: bool) -> Line2D:
    color, style = look
    median, low, high = (np.array(part, float) for part in (band.median, band.low, band.high))
    if filled:
        axes.fill_between(epoch, low, high, color=color, alpha=0.15, linewidth=0)
    (line,) = axes.plot(epoch, median, style, color=color, linewidth=1.8)
    return line


def robustness(path: Path, comparison: Comparison) -> bool:
    """Draw the primary metric against the numeric ``data`` key that varies; a panel for each data set.

    Args:
        path: the figure; ``.png`` or ``.svg``.
        comparison: what is drawn.

    Returns:
        Whether there was something to draw: see :func:`lossbench.comparison.charts.robustness`.
    """
    panels = charts.robustness(comparison)
    if not panels:
        return False
    figure = Figure(figsize=(7, 0.6 + 3.2 * len(panels)), layout="constrained")
    looks = _looks(comparison.labels)
    grid = figure.subplots(len(panels), 1, squeeze=False)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        for line in panel.lines:
            _draw_series(axes, line.x, line.test, looks[line.label])
        _scale(axes, panel)
        axes.set_ylabel(_literal(comparison.metric))
        if len(panels) > 1:
            axes.set_title(_literal(panel.title), loc="left", fontsize="medium")
    _legend(figure, looks)
    figure.supxlabel(_direction(comparison, "mean, 95% interval"), fontsize="small", color="0.35")
    _save(path, figure)
    return True


def tuning(path: Path, comparison: Comparison) -> bool:
    """Draw the primary metric against each number that was tuned: on validation left, on test right.

    Args:
        path: the figure; ``.png`` or ``.svg``.
        comparison: what is drawn.

    Returns:
        Whether there was something to draw: whether a number was tuned.
    """
    panels = charts.tuning(comparison)
    if not panels:
        return False
    figure = Figure(figsize=(9, 0.6 + 3.2 * len(panels)), layout="constrained")
    looks = _looks(comparison.labels)
    grid = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
    several = len({panel.title for panel in panels}) > 1
    for (left, right), panel in zip(grid, panels, strict=True):
        for line in panel.lines:
            _draw_tuned(left, line, line.validation, looks[line.label])
            _draw_tuned(right, line, line.test, looks[line.label])
        for axes, part in ((left, "validation"), (right, "test")):
            axes.set_yscale("log" if panel.log_y else "linear")
            axes.set_ylim(panel.reach)
            if panel.same is not None:
                axes.axvline(panel.same, color="0.6", linewidth=1, linestyle=":", zorder=0)
            _scale(axes, panel)
            name = f"{part}/{comparison.metric_name}" + (f", {panel.title}" if several else "")
            axes.set_title(_literal(name), loc="left", fontsize="medium")
    _legend(figure, looks)
    marks = "ring: chosen for the loss on validation; dotted: chosen for all losses"
    text = _direction(comparison, f"mean, 95% interval; {marks}")
    figure.supxlabel(text, fontsize="small", color="0.35")
    _save(path, figure)
    return True


def _draw_tuned(axes: Axes, line: charts.TuningLine, series: charts.Series, look: _Look) -> None:
    """Draw the line of a loss, with a ring at the value that was chosen for it."""
    _draw_series(axes, line.x, series, look)
    if line.tuned is not None:
        mean = series.mean[line.x.index(line.tuned)]
        axes.plot(line.tuned, mean, "o", color=look[0], markersize=12, fillstyle="none")


def loss_curves(path: Path, curves: Mapping[str, LossCurve]) -> None:
    """Draw each loss's value, gradient and curvature; a row for each kind of number that they depend on.

    Args:
        path: the figure; ``.png`` or ``.svg``.
        curves: by label.
    """
    axis_names = list(dict.fromkeys(curve.axis for curve in curves.values()))
    figure = Figure(figsize=(10, 0.6 + 3 * len(axis_names)), layout="constrained")
    looks = _looks(curves)
    grid = figure.subplots(len(axis_names), len(LOSS_CURVE_PARTS), squeeze=False)
    for row, name in zip(grid, axis_names, strict=True):
        for axes, part in zip(row, LOSS_CURVE_PARTS, strict=True):
            for label, curve in curves.items():
                if curve.axis == name:
                    color, style = looks[label]
                    axes.plot(curve.x, curve.parts[part], style, color=color, linewidth=1.8)
            _plain(axes)
            axes.set_title(part, loc="left", fontsize="medium")
        row[1].set_xlabel(_literal(name))
    _legend(figure, looks)
    _save(path, figure)


def ranks(path: Path, comparison: Comparison) -> bool:
    """Draw each loss's mean rank over the data sets; a bar joins losses among which no pair is decided.

    Args:
        path: the figure; ``.png`` or ``.svg``.
        comparison: what is drawn.

    Returns:
        Whether there was something to draw: whether there are several data sets.
    """
    across = comparison.across_data
    if across is None:
        return False
    ranking, looks = charts.ranking(across), _looks(comparison.labels)
    rows = ranking.rows
    figure = Figure(figsize=(7, 1.1 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for y, row in enumerate(rows):
        color = looks[row.label][0]
        axes.plot([1, row.rank], [y, y], "-", color=color, linewidth=2.4, alpha=0.35)
        axes.plot(row.rank, y, "D", color=color, markersize=7, markeredgecolor="white")
        axes.annotate(f"{row.rank:.2f}", (row.rank, y), (9, 0), textcoords="offset points", va="center")
    for lane, (first, last) in enumerate(ranking.ties):
        x = len(rows) + 0.35 + 0.16 * lane
        axes.plot([x, x], [first - 0.2, last + 0.2], "-", color="0.45", linewidth=4, solid_capstyle="butt")
    _label_rows(axes, [row.label for row in rows])
    axes.set_xticks(range(1, len(rows) + 1))
    axes.set_xlim(0.9, len(rows) + 0.5 + 0.16 * len(ranking.ties))
    result = "gray bars join losses that it cannot distinguish" if ranking.ties else "all pairs are decided"
    text = f"mean rank over {across.n} data sets, 1 is best\nWilcoxon's test with Holm: {result}"
    axes.set_xlabel(text, fontsize="small")
    _save(path, figure)
    return True


def matrix(path: Path, comparison: Comparison) -> None:
    """Draw each loss evaluated by each metric; a cell is framed if the loss optimises its metric directly.

    Args:
        path: the figure; ``.png`` or ``.svg``.
        comparison: what is drawn.
    """
    metrics, rows = comparison.matrix.metrics, charts.shaded(comparison.matrix)
    several = len({row.data for row in rows}) > 1
    figure = Figure(figsize=(2.4 + 1.1 * len(metrics), 1.1 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    shades = np.array([row.shades for row in rows], float).reshape(len(rows), len(metrics))
    axes.set_facecolor("white")
    axes.imshow(np.ma.masked_invalid(shades), cmap=_SHADES, vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(rows):
        for x, (text, same) in enumerate(zip(row.texts, row.same, strict=True)):
            axes.text(x, y, text, ha="center", va="center", fontweight="bold" if same else "normal")
            if same:
                axes.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, fill=False, linewidth=1.4))
    names = [f"{row.label} ({row.data})" if several else row.label for row in rows]
    axes.set_yticks(range(len(rows)), [_literal(name) for name in names])
    axes.set_xticks(range(len(metrics)), [_literal(metric) for metric in metrics])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    text = "shade: worst (pale) to best of a column; framed: the loss optimises this metric directly"
    axes.set_xlabel(text, fontsize="small")
    _save(path, figure)


def _looks(labels: Iterable[str]) -> dict[str, _Look]:
    """Return color and style of each loss, the same in every figure of a comparison."""
    return {
        label: (_COLORS[index % len(_COLORS)], _STYLES[index // len(_COLORS) % len(_STYLES)])
        for index, label in enumerate(dict.fromkeys(labels))
    }


def _label_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Label the rows of a chart with the losses, the first at the top."""
    axes.set_yticks(range(len(labels)), [_literal(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)


def _draw_series(axes: Axes, x: Sequence[float], series: charts.Series, look: _Look) -> None:
    """Draw means with a band for their intervals, and a cross where some seeds diverged.

    The seeds that diverged are not included in the means and the intervals.
    """
    color, style = look
    axes.fill_between(x, series.low, series.high, color=color, alpha=0.12, linewidth=0)
    axes.plot(x, series.mean, style, color=color, linewidth=1.8, marker="o", markersize=4.5)
    crossed = [index for index, count in enumerate(series.diverged) if count]
    means = [series.mean[index] for index in crossed]
    axes.plot([x[index] for index in crossed], means, "x", color=color, markersize=10)


def _scale(axes: Axes, panel: charts.Panel) -> None:
    """Put ticks at the values that were tried, if there is room for them."""
    if panel.log:
        axes.set_xscale("log")
    if len(panel.x) <= 8:
        axes.set_xticks(panel.x, [f"{value:g}" for value in panel.x])
        axes.minorticks_off()
    axes.set_xlabel(_literal(panel.key))
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)


def _legend(figure: Figure, looks: Mapping[str, _Look]) -> None:
    handles = [
        Line2D([], [], color=color, linestyle=style, linewidth=1.8, label=_literal(label))
        for label, (color, style) in looks.items()
    ]
    if handles:
        figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)


def _direction(comparison: Comparison, text: str) -> str:
    return f"{text}; {'higher' if comparison.higher_is_better else 'lower'} is better"


def _literal(text: str) -> str:
    r"""Return a label that is drawn as it is: without mathematics and line breaks, and not too long.

    >>> _literal("cost in $ and $")
    'cost in \\$ and \\$'
    """
    line = " ".join(text.split())
    return (line if len(line) <= 80 else f"{line[:79]}\N{HORIZONTAL ELLIPSIS}").replace("$", r"\$")


def _save(path: Path, figure: Figure) -> None:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in ("png", "svg"):
        raise ValueError(f"{path.name}: a figure is a .png or an .svg")
    FigureCanvasAgg(figure)
    metadata = {"Date": None} if kind == "svg" else None  # the same comparison gives the same bytes
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lossbench"}):
        write_atomically(
            path, lambda temporary: figure.savefig(temporary, format=kind, dpi=160, metadata=metadata)
        )
