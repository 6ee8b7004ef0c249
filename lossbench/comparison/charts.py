"""What the page and the pictures both draw: numbers rounded, cells shaded, curves summed up. No torch."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

MISSING = "\N{EN DASH}"
POINTS = 300  # of a learning curve that are drawn; of a longer one every so many epochs
PROFILE_PARTS = ("value", "gradient", "curvature")
_BAND = (0.1, 0.9)  # the shares of the seeds below the ends of a curve's band


def shown(value: float | None, decimals: int | None) -> str:
    """A number as it is shown; the full one lies beside it.

    >>> shown(57.43219, 1), shown(57.43219, None), shown(1.5e12, 1)
    ('57.4', '57.43', '1.5e+12')
    """
    if value is None:
        return MISSING
    if decimals is None or not math.isfinite(value) or abs(value) >= 1e7:
        return f"{value:.4g}"
    return f"{value:.{decimals}f}"


def is_number(value: Any) -> bool:
    """Whether a value of a config has a size: true and false have none.

    >>> is_number(0.1), is_number(True), is_number("0.1")
    (True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def digits(values: Iterable[float | None]) -> int | None:
    """Decimals for four digits of the largest.

    >>> digits([57.1, 0.3, None])
    2
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value) and value]
    return min(max(3 - math.floor(math.log10(max(known))), 0), 8) if known else None


def values_on(matrix: Mapping[str, Any], data: str) -> list[list[float | None]]:
    """The rows of one data set."""
    return [row["values"] for row in matrix["rows"] if row["data"] == data]


def shaded(matrix: Mapping[str, Any]) -> dict[str, Any]:
    """The matrix with a shade for each cell: 0 to 1 within its column and its data; lowest to highest.

    From worst to best instead, where ``higher_is_better`` says for each metric which that is.

    >>> rows = [{"label": "a", "data": "d", "values": [value], "same": [False]} for value in (1.0, 3.0)]
    >>> [row["shades"] for row in shaded({"metrics": ["mae"], "rows": rows})["rows"]]
    [[0.0], [1.0]]
    >>> shaded = shaded({"metrics": ["mae"], "rows": rows, "higher_is_better": [False]})
    >>> [row["shades"] for row in shaded["rows"]]
    [[1.0], [0.0]]
    """
    higher = matrix.get("higher_is_better")
    rows = []
    for row in matrix["rows"]:
        shades: list[float | None] = []
        for place, value in enumerate(row["values"]):
            column = [values[place] for values in values_on(matrix, row["data"])]
            known = [other for other in column if other is not None and math.isfinite(other)]
            if value is None or not math.isfinite(value):
                shades.append(None)
                continue
            low, high = min(known), max(known)
            shade = (value - low) / (high - low) if high > low else 0.5
            shades.append(1 - shade if higher and not higher[place] else shade)
        decimals = [digits(column) for column in zip(*values_on(matrix, row["data"]), strict=True)]
        texts = [shown(value, each) for value, each in zip(row["values"], decimals, strict=True)]
        rows.append({**row, "shades": shades, "texts": texts})
    return {"metrics": matrix["metrics"], "directed": bool(higher), "rows": rows}


def robustness(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The yardstick against the one number of the data that varies, such as a rate of corruption.

    Returns:
        A panel for each data set on which it varies, with a line for each loss; none where no number
        varies, or several do, so that none of them alone tells the blocks apart.
    """
    groups = [group for group in comparison["groups"] if group["mean"] is not None]
    keys = _varying_numbers([group["block"] for group in groups])
    if len(keys) != 1:
        return []
    of_data: dict[str, list[dict[str, Any]]] = {}
    for group in groups:
        of_data.setdefault(group["data_set"], []).append(group)
    panels = [
        _panel(
            data,
            keys[0],
            {label: [(one["block"][keys[0]], one) for one in own] for label, own in _by_label(rows).items()},
            lambda points: _line(points, "mean"),
        )
        for data, rows in of_data.items()
    ]
    return [panel for panel in panels if len(panel["x"]) > 1]


def tuning(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The yardstick on validation and on test against each number that was tuned.

    Where several were, each of them is shown at the best of the others, as validation has it.

    Returns:
        A panel for each data set and key, with a line for each loss; ``tuned`` is the value chosen for it,
        ``same`` the one chosen for all.
    """
    every = comparison["tuning"]["trials"] if comparison["tuning"] else []
    trials = [one for one in every if None not in (one["mean"], one["validation_mean"])]
    sign = -1 if comparison["higher_is_better"] else 1
    trials.sort(key=lambda one: (not one["tuned"], one["diverged"], sign * one["validation_mean"]))
    panels = []
    for data in dict.fromkeys(group["data"] for group in comparison["groups"]):
        rows = [one for one in trials if one["data"] == data]
        for key in _varying_numbers([one["setting"] for one in rows]):
            best: dict[str, dict[float, dict[str, Any]]] = {}
            for one in rows:
                best.setdefault(one["label"], {}).setdefault(one["setting"][key], one)
            lines = {
                label: list(best[label].items()) for label in _by_label(comparison["groups"]) if label in best
            }
            same = {one["setting"][key] for one in rows if one["same"]}
            panel = _panel(data, key, lines, _tuning_line)
            panels.append({**panel, **_reach(panel["lines"]), "same": same.pop() if same else None})
    return panels


def _reach(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The scale of the yardstick on validation and test: of logarithms where a setting all but explodes."""
    parts = [line[name] for line in lines for name in ("validation", "test")]
    means, lows, highs = ([end for part in parts for end in part[name]] for name in ("mean", "low", "high"))
    if logarithmic(means):
        least, most = min(value for value in [*means, *lows] if value > 0), max(highs)
        more = (most / least) ** 0.06
        return {"log_y": True, "reach": [least / more, most * more]}
    pad = 0.06 * (max(highs) - min(lows)) or 1.0
    return {"log_y": False, "reach": [min(lows) - pad, max(highs) + pad]}


def _varying_numbers(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for part in parts for key in part)
    return [
        key
        for key in keys
        if all(is_number(part.get(key)) for part in parts) and len({part[key] for part in parts}) > 1
    ]


def _by_label(groups: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for group in groups:
        found.setdefault(group["label"], []).append(group)
    return found


Points = list[tuple[float, dict[str, Any]]]


def _panel(
    title: str, key: str, lines: Mapping[str, Points], draw: Callable[[Points], dict[str, Any]]
) -> dict[str, Any]:
    values = sorted({x for points in lines.values() for x, _ in points})
    drawn = []
    for label, points in lines.items():
        ordered = sorted(points, key=lambda point: point[0])
        drawn.append({"label": label, "x": [x for x, _ in ordered], **draw(ordered)})
    return {"title": title, "key": key, "x": values, "log": logarithmic(values), "lines": drawn}


def _tuning_line(points: Points) -> dict[str, Any]:
    chosen = [x for x, one in points if one["tuned"]]
    return {
        "tuned": chosen[0] if chosen else None,
        "validation": _line(points, "validation_mean"),
        "test": _line(points, "mean"),
    }


def _line(points: Points, name: str) -> dict[str, Any]:
    """The mean with its interval at each point; without one where there is a single seed."""
    ends = [one[f"{name}_ci95"] for _, one in points]
    means = [one[name] for _, one in points]
    return {
        "mean": means,
        "low": [mean if low is None else low for mean, (low, _) in zip(means, ends, strict=True)],
        "high": [mean if high is None else high for mean, (_, high) in zip(means, ends, strict=True)],
        "diverged": [one["diverged"] for _, one in points],
    }


def logarithmic(values: Iterable[float]) -> bool:
    """Whether values lie apart by a factor of ten or more, so that an axis of their logarithms serves.

    >>> logarithmic([0.001, 0.01]), logarithmic([0.0, 0.1, 0.2]), logarithmic([1, 2, 4])
    (True, False, False)
    """
    known = sorted(values)
    return bool(known) and known[0] > 0 and known[-1] / known[0] >= 10


def ranking(across: Mapping[str, Any]) -> dict[str, Any]:
    """Mean ranks, the best first, and the runs of losses of which no two are decided.

    Returns:
        ``rows`` with ``label`` and ``rank``; ``ties``: first and last row of each such run.

    >>> pairs = [{"a": "x", "b": "y", "decision": "undecided"}, {"a": "x", "b": "z", "decision": "a_better"},
    ...          {"a": "y", "b": "z", "decision": "undecided"}]
    >>> ranking({"mean_ranks": {"z": 3.0, "x": 1.0, "y": 2.0}, "pairs": pairs})["ties"]
    [[0, 1], [1, 2]]
    """
    rows = sorted(across["mean_ranks"].items(), key=lambda item: item[1])
    decided = {
        frozenset((pair["a"], pair["b"]))
        for pair in across["pairs"]
        if pair["decision"] in ("a_better", "b_better")
    }
    names = [name for name, _ in rows]
    runs: list[list[int]] = []
    for first in range(len(names)):
        last = first
        while last + 1 < len(names) and not any(
            frozenset((names[last + 1], other)) in decided for other in names[first : last + 1]
        ):
            last += 1
        if last > first and (not runs or last > runs[-1][1]):
            runs.append([first, last])
    return {"rows": [{"label": name, "rank": rank} for name, rank in rows], "ties": runs}


def summary(frame: pd.DataFrame) -> dict[str, Any]:
    """Of each column and epoch the median over the seeds, and the band that holds most of them.

    >>> frame = pd.DataFrame({"seed": [0, 1], "epoch": [1, 1], "train/loss": [1.0, 3.0]})
    >>> summary(frame)
    {'epoch': [1], 'seeds': 2, 'columns': {'train/loss': {'median': [2.0], 'low': [1.2], 'high': [2.8]}}}
    """
    names = [name for name in frame.columns if name not in ("replicate", "seed", "epoch")]
    finite = frame[["epoch", *names]].replace([np.inf, -np.inf], np.nan)
    epochs = np.sort(finite["epoch"].unique())
    places = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), POINTS)).round().astype(int))
    kept = epochs[places]
    of_epoch = finite[finite["epoch"].isin(kept)].groupby("epoch")[names]
    parts = {
        "median": of_epoch.median(),
        "low": of_epoch.quantile(_BAND[0]),
        "high": of_epoch.quantile(_BAND[1]),
    }
    columns = {
        name: {part: [_short(value) for value in values[name]] for part, values in parts.items()}
        for name in names
        if finite[name].notna().any()
    }
    return {
        "epoch": [int(epoch) for epoch in kept],
        "seeds": int(frame["seed"].nunique()),
        "columns": columns,
    }


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
