"""Pictures of a comparison, for a paper or a README. No torch."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

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
from lossbench.comparison.charts import shaded, summary
from lossbench.records.files import write_atomically

_Style = Literal["-", "--", ":", "-."]
_COLORS = ("#2563a8", "#c2571a", "#2e7d4f", "#7b4ea3", "#b8336a", "#7a5c2e", "#0f7c86", "#5b6470")
_STYLES: tuple[_Style, ...] = ("-", "--", ":", "-.")
_SHADES = LinearSegmentedColormap.from_list("shades", ["#f3f6fa", "#8db8e3"])


def intervals(path: Path, comparison: Mapping[str, Any]) -> None:
    """Draw each loss's mean with its 95% interval, the single seeds as dots; a panel for each data set.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        comparison: as in ``comparison.json``.
    """
    groups = comparison["groups"]
    data = list(dict.fromkeys(group["data"] for group in groups))
    looks = _looks_in(comparison)
    counts = [sum(group["data"] == name for group in groups) for name in data]
    figure = Figure(figsize=(7, 0.7 * len(data) + 0.42 * sum(counts) + 0.4), layout="constrained")
    panels = figure.subplots(len(data), 1, squeeze=False, height_ratios=[count + 0.6 for count in counts])
    for axes, name in zip(panels[:, 0], data, strict=True):
        shown = [group for group in groups if group["data"] == name]
        for row, group in enumerate(shown):
            color = looks[group["label"]][0]
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
    panels[-1, 0].set_xlabel(
        _literal(f"{comparison['metric']}: {_better(comparison, 'mean, 95% interval, seeds')}")
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
    _plain(axes)
    if handles:
        figure.legend(handles=handles, loc="outside right upper", frameon=False)
    _save(path, figure)


def robustness(path: Path, comparison: Mapping[str, Any]) -> bool:
    """Draw the yardstick against the number of the data that varies; a panel for each data set.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        comparison: as in ``comparison.json``.

    Returns:
        Whether there was one to draw: see :func:`lossbench.comparison.charts.robustness`.
    """
    panels = charts.robustness(comparison)
    if not panels:
        return False
    figure = Figure(figsize=(7, 0.6 + 3.2 * len(panels)), layout="constrained")
    looks = _looks_in(comparison)
    grid = figure.subplots(len(panels), 1, squeeze=False)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        for line in panel["lines"]:
            _draw_line(axes, line["x"], line, looks[line["label"]])
        _scale(axes, panel)
        axes.set_ylabel(_literal(comparison["metric"]))
        if len(panels) > 1:
            axes.set_title(_literal(panel["title"]), loc="left", fontsize="medium")
    _legend(figure, looks)
    figure.supxlabel(_better(comparison, "mean, 95% interval"), fontsize="small", color="0.35")
    _save(path, figure)
    return True


def tuning(path: Path, comparison: Mapping[str, Any]) -> bool:
    """Draw validation, which chose, beside test, which judges, against each number that was tuned.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        comparison: as in ``comparison.json``.

    Returns:
        Whether there was one to draw: whether any number was tuned.
    """
    panels = charts.tuning(comparison)
    if not panels:
        return False
    figure = Figure(figsize=(9, 0.6 + 3.2 * len(panels)), layout="constrained")
    looks = _looks_in(comparison)
    grid = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
    several = len({panel["title"] for panel in panels}) > 1
    metric = comparison["metric"].partition("/")[2]
    for row, panel in zip(grid, panels, strict=True):
        for axes, part in zip(row, ("validation", "test"), strict=True):
            for line in panel["lines"]:
                color, _ = looks[line["label"]]
                _draw_line(axes, line["x"], line[part], looks[line["label"]])
                if line["tuned"] is not None:
                    best = line[part]["mean"][line["x"].index(line["tuned"])]
                    axes.plot(line["tuned"], best, "o", color=color, markersize=12, fillstyle="none")
            axes.set_yscale("log" if panel["log_y"] else "linear")
            axes.set_ylim(panel["reach"])
            if panel["same"] is not None:
                axes.axvline(panel["same"], color="0.6", linewidth=1, linestyle=":", zorder=0)
            _scale(axes, panel)
            name = f"{part}/{metric}" + (f", {panel['title']}" if several else "")
            axes.set_title(_literal(name), loc="left", fontsize="medium")
    _legend(figure, looks)
    marks = "ring: chosen for the loss on validation; dotted: for all losses"
    figure.supxlabel(_better(comparison, f"mean, 95% interval; {marks}"), fontsize="small", color="0.35")
    _save(path, figure)
    return True


def profiles(path: Path, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw each loss's value, gradient and curvature; a row for each kind of number that losses judge.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        profiles: by label, as :func:`lossbench.losses.curves.loss_curve` gives them.
    """
    axis_names = list(dict.fromkeys(one["axis"] for one in profiles.values()))
    figure = Figure(figsize=(10, 0.6 + 3 * len(axis_names)), layout="constrained")
    looks = _looks(profiles)
    grid = figure.subplots(len(axis_names), len(charts.PROFILE_PARTS), squeeze=False)
    for row, name in zip(grid, axis_names, strict=True):
        for axes, part in zip(row, charts.PROFILE_PARTS, strict=True):
            for label, one in profiles.items():
                if one["axis"] == name:
                    color, style = looks[label]
                    axes.plot(one["x"], one[part], style, color=color, linewidth=1.8)
            _plain(axes)
            axes.set_title(part, loc="left", fontsize="medium")
        row[1].set_xlabel(_literal(name))
    _legend(figure, looks)
    _save(path, figure)


def ranks(path: Path, comparison: Mapping[str, Any]) -> bool:
    """Draw each loss's mean rank over the data sets; a bar joins those of which no two are decided.

    Args:
        path: the picture; ``.png`` or ``.svg``.
        comparison: as in ``comparison.json``.

    Returns:
        Whether there was one to draw: whether there are several data sets.
    """
    across = comparison["across_data"]
    if across is None:
        return False
    ranking, looks = charts.ranking(across), _looks_in(comparison)
    rows = ranking["rows"]
    figure = Figure(figsize=(7, 1.1 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for y, row in enumerate(rows):
        color = looks[row["label"]][0]
        axes.plot([1, row["rank"]], [y, y], "-", color=color, linewidth=2.4, alpha=0.35)
        axes.plot(row["rank"], y, "D", color=color, markersize=7, markeredgecolor="white")
        axes.annotate(f"{row['rank']:.2f}", (row["rank"], y), (9, 0), textcoords="offset points", va="center")
    for lane, (first, last) in enumerate(ranking["ties"]):
        x = len(rows) + 0.35 + 0.16 * lane
        axes.plot([x, x], [first - 0.2, last + 0.2], "-", color="0.45", linewidth=4, solid_capstyle="butt")
    axes.set_yticks(range(len(rows)), _literals([row["label"] for row in rows]))
    axes.set_xticks(range(1, len(rows) + 1))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0.9, len(rows) + 0.5 + 0.16 * len(ranking["ties"]))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    test = "Wilcoxon's test with Holm" if ranking["ties"] else "Wilcoxon's test with Holm tells all apart"
    joined = "; gray bars join what it does not tell apart" if ranking["ties"] else ""
    axes.set_xlabel(f"mean rank over {across['n']} data sets, 1 is best\n{test}{joined}", fontsize="small")
    _save(path, figure)
    return True


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


_Look = tuple[str, _Style]  # color and style


def _looks_in(comparison: Mapping[str, Any]) -> dict[str, _Look]:
    """The look of each loss, the same in every picture."""
    return _looks(group["label"] for group in comparison["groups"])


def _looks(labels: Iterable[str]) -> dict[str, _Look]:
    return {
        label: (_COLORS[place % len(_COLORS)], _STYLES[place // len(_COLORS) % len(_STYLES)])
        for place, label in enumerate(dict.fromkeys(labels))
    }


def _draw_line(axes: Axes, x: list[float], line: Mapping[str, Any], look: _Look) -> None:
    """Means with a band for their intervals; a cross where seeds diverged, which are in neither."""
    color, style = look
    axes.fill_between(x, line["low"], line["high"], color=color, alpha=0.12, linewidth=0)
    axes.plot(x, line["mean"], style, color=color, linewidth=1.8, marker="o", markersize=4.5)
    gone = [place for place, count in enumerate(line["diverged"]) if count]
    axes.plot([x[i] for i in gone], [line["mean"][i] for i in gone], "x", color=color, markersize=10)


def _scale(axes: Axes, panel: Mapping[str, Any]) -> None:
    """Ticks at the very values that were tried, where there is room for them."""
    if panel["log"]:
        axes.set_xscale("log")
    if len(panel["x"]) <= 8:
        axes.set_xticks(panel["x"], [f"{value:g}" for value in panel["x"]])
        axes.minorticks_off()
    axes.set_xlabel(_literal(panel["key"]))
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
    figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)


def _better(comparison: Mapping[str, Any], what: str) -> str:
    return f"{what}; {'higher' if comparison['higher_is_better'] else 'lower'} is better"


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
