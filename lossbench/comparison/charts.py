"""The data that both the page and the figures draw: rounded numbers, shaded cells, lines and ranks.

This module imports no torch.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbench.comparison.grouping import is_number
from lossbench.comparison.model import AcrossData, Comparison, Ends, Matrix, Trial

MISSING = "\N{EN DASH}"


def shown(value: float | None, decimals: int | None) -> str:
    """Return a number as it is displayed.

    >>> shown(57.43219, 1), shown(57.43219, None), shown(1.5e12, 1), shown(-0.01, 1)
    ('57.4', '57.43', '1.5e+12', '0.0')
    """
    if value is None:
        return MISSING
    if decimals is None or not math.isfinite(value) or abs(value) >= 1e7:
        return f"{value:.4g}"
    return f"{value:z.{decimals}f}"  # without a negative zero


def digits(values: Iterable[float | None]) -> int | None:
    """Return the number of decimals that shows four digits of the largest value; None if there is no value.

    >>> digits([57.1, 0.3, None])
    2
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value) and value]
    return min(max(3 - math.floor(math.log10(max(known))), 0), 8) if known else None


@dataclass(frozen=True)
class Reference:
    """The mean of a baseline, which is drawn as a line beside the scores of the losses."""

    name: str
    data: str
    mean: float


def references(comparison: Comparison) -> list[Reference]:
    """Return the baselines that lie near the scores of the losses.

    Those that lie further from them than the scores reach would leave no room to tell the losses apart.
    """
    near = []
    for baseline in comparison.baselines or ():
        scores = [
            score for group in comparison.groups if group.data == baseline.data for score in group.scores
        ]
        mean = baseline.summary.mean
        if mean is not None and scores:
            room = max(scores) - min(scores)
            if min(scores) - room <= mean <= max(scores) + room:
                near.append(Reference(baseline.name, baseline.data, mean))
    return near


@dataclass(frozen=True)
class ShadedRow:
    """A row of the matrix with a shade, from 0 (worst) to 1 (best), and a text for each cell."""

    label: str
    data: str
    values: tuple[float | None, ...]
    same: tuple[bool, ...]
    shades: tuple[float | None, ...]
    texts: tuple[str, ...]


def columns_on(matrix: Matrix, data: str) -> list[tuple[float | None, ...]]:
    """Return the values of each metric on one block of data."""
    return list(zip(*(row.values for row in matrix.rows if row.data == data), strict=True))


def shaded(matrix: Matrix) -> tuple[ShadedRow, ...]:
    """Shade each cell of the matrix by its position between the worst and the best value.

    The worst and the best are those of the same metric on the same block of data.

    >>> from lossbench.comparison.model import MatrixRow
    >>> rows = tuple(MatrixRow(label, "d", (value,), (False,)) for label, value in (("a", 1.0), ("b", 3.0)))
    >>> [row.shades for row in shaded(Matrix(("mae",), (False,), rows))]
    [(1.0,), (0.0,)]
    """
    rows = []
    for row in matrix.rows:
        columns = columns_on(matrix, row.data)
        cells = list(zip(row.values, columns, matrix.higher_is_better, strict=True))
        rows.append(
            ShadedRow(
                label=row.label,
                data=row.data,
                values=row.values,
                same=row.same,
                shades=tuple(_shade(value, column, higher) for value, column, higher in cells),
                texts=tuple(shown(value, digits(column)) for value, column, _ in cells),
            )
        )
    return tuple(rows)


def _shade(value: float | None, column: Sequence[float | None], higher_is_better: bool) -> float | None:
    """Return the position of a value between the worst (0) and the best (1) of its column.

    The position is one half if all values are equal.
    """
    if value is None or not math.isfinite(value):
        return None
    known = [other for other in column if other is not None and math.isfinite(other)]
    low, high = min(known), max(known)
    shade = (value - low) / (high - low) if high > low else 0.5
    return shade if higher_is_better else 1 - shade


@dataclass(frozen=True)
class Series:
    """Means with the ends of their intervals, and how many seeds diverged, at each point of a line.

    Where there is no interval, because there is a single seed, its ends are the mean.
    """

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    diverged: tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """The primary metric of one loss against a number."""

    label: str
    x: tuple[float, ...]
    test: Series


@dataclass(frozen=True)
class TuningLine(Line):
    """A line with values on validation too; ``tuned`` is the value of ``x`` that was chosen for the loss."""

    validation: Series
    tuned: float | None


@dataclass(frozen=True)
class Panel:
    """A chart against one number.

    Attributes:
        title: the name of the data.
        key: the config key of the number.
        x: the values that it takes, sorted.
        log: whether its axis is logarithmic.
        lines: one for each loss.
    """

    title: str
    key: str
    x: tuple[float, ...]
    log: bool
    lines: Sequence[Line]


@dataclass(frozen=True)
class TuningPanel(Panel):
    """A chart against a number that was tuned.

    Attributes:
        lines: one for each loss.
        reach: the ends of the axis of the primary metric, on validation and test.
        log_y: whether that axis is logarithmic.
        same: the value that was chosen for all losses.
    """

    lines: Sequence[TuningLine]
    reach: tuple[float, float]
    log_y: bool
    same: float | None


@dataclass(frozen=True)
class _Point:
    x: float
    mean: float
    ends: Ends
    diverged: int


def _series(points: Iterable[_Point]) -> Series:
    points = list(points)
    return Series(
        mean=tuple(point.mean for point in points),
        low=tuple(point.mean if point.ends[0] is None else point.ends[0] for point in points),
        high=tuple(point.mean if point.ends[1] is None else point.ends[1] for point in points),
        diverged=tuple(point.diverged for point in points),
    )


def robustness(comparison: Comparison) -> list[Panel]:
    """Return the primary metric against the one numeric ``data`` key that varies, such as a corruption rate.

    Returns:
        A panel for each data set on which the number varies, with a line for each loss. There is none where
        no number varies, or where several do, so that no single number distinguishes the blocks.
    """
    groups = [group for group in comparison.groups if group.summary.mean is not None]
    keys = _varying_numbers([group.block for group in groups])
    if len(keys) != 1:
        return []
    points: dict[str, dict[str, list[_Point]]] = {}
    for group in groups:
        scores = group.summary
        if scores.mean is not None:
            point = _Point(group.block[keys[0]], scores.mean, scores.mean_ci95, scores.diverged)
            points.setdefault(group.data_set, {}).setdefault(group.label, []).append(point)
    panels = [_robustness_panel(data, keys[0], by_label) for data, by_label in points.items()]
    return [panel for panel in panels if len(panel.x) > 1]


def _robustness_panel(data: str, key: str, points: Mapping[str, list[_Point]]) -> Panel:
    lines = []
    for label, of_label in points.items():
        ordered = sorted(of_label, key=lambda point: point.x)
        lines.append(Line(label, tuple(point.x for point in ordered), _series(ordered)))
    x = _all_x(lines)
    return Panel(data, key, x, logarithmic(x), lines)


def tuning(comparison: Comparison) -> list[TuningPanel]:
    """Return the primary metric on validation and on test against each number that was tuned.

    Where several keys were tuned, each value of a key is shown at the setting of the other keys that is best
    on validation.

    Returns:
        A panel for each block of data and key, with a line for each loss.
    """
    if comparison.tuning is None:
        return []
    sign = -1 if comparison.higher_is_better else 1
    known = [
        (trial, trial.summary.mean, trial.validation_mean)
        for trial in comparison.tuning.trials
        if trial.summary.mean is not None and trial.validation_mean is not None
    ]
    known.sort(key=lambda each: (not each[0].tuned, each[0].summary.diverged, sign * each[2]))
    panels = []
    for data in comparison.blocks:
        on_data = [each for each in known if each[0].data == data]
        panels += [
            _tuning_panel(data, key, comparison.labels, on_data)
            for key in _varying_numbers([trial.setting for trial, *_ in on_data])
        ]
    return panels


def _tuning_panel(
    data: str, key: str, labels: Sequence[str], known: Sequence[tuple[Trial, float, float]]
) -> TuningPanel:
    """Return the panel of one key; the trials come with their means on test and validation, best first."""
    lines = []
    for label in labels:
        best: dict[float, tuple[Trial, float, float]] = {}
        for trial, mean, validation_mean in known:
            if trial.label == label:
                best.setdefault(trial.setting[key], (trial, mean, validation_mean))
        points = sorted(best.items())
        test = [
            _Point(x, mean, trial.summary.mean_ci95, trial.summary.diverged) for x, (trial, mean, _) in points
        ]
        validation = [
            _Point(x, mean, trial.validation_mean_ci95, trial.summary.diverged)
            for x, (trial, _, mean) in points
        ]
        tuned = [x for x, (trial, *_) in points if trial.tuned]
        if points:
            x = tuple(x for x, _ in points)
            lines.append(
                TuningLine(label, x, _series(test), _series(validation), tuned[0] if tuned else None)
            )
    shared = [trial.setting[key] for trial, *_ in known if trial.same]
    x = _all_x(lines)
    reach, log_y = _reach(lines)
    return TuningPanel(data, key, x, logarithmic(x), lines, reach, log_y, shared[0] if shared else None)


def _reach(lines: Iterable[TuningLine]) -> tuple[tuple[float, float], bool]:
    """Return the ends of the metric's axis, and whether it is logarithmic, as one setting may diverge."""
    series = [part for line in lines for part in (line.validation, line.test)]
    means = [mean for part in series for mean in part.mean]
    lows = [low for part in series for low in part.low]
    highs = [high for part in series for high in part.high]
    if logarithmic(means):
        least, most = min(value for value in [*means, *lows] if value > 0), max(highs)
        margin = (most / least) ** 0.06
        return (least / margin, most * margin), True
    pad = 0.06 * (max(highs) - min(lows)) or 1.0
    return (min(lows) - pad, max(highs) + pad), False


def _varying_numbers(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for part in parts for key in part)
    return [
        key
        for key in keys
        if all(is_number(part.get(key)) for part in parts) and len({part[key] for part in parts}) > 1
    ]


def _all_x(lines: Iterable[Line]) -> tuple[float, ...]:
    return tuple(sorted({x for line in lines for x in line.x}))


def logarithmic(values: Iterable[float]) -> bool:
    """Return whether positive values differ by a factor of ten or more, so that a logarithmic axis fits.

    >>> logarithmic([0.001, 0.01]), logarithmic([0.0, 0.1, 0.2]), logarithmic([1, 2, 4])
    (True, False, False)
    """
    known = sorted(values)
    return bool(known) and known[0] > 0 and known[-1] / known[0] >= 10


@dataclass(frozen=True)
class Rank:
    """A loss's mean rank over the data sets."""

    label: str
    rank: float


@dataclass(frozen=True)
class Ranking:
    """Mean ranks, the best first; a tie is the first and last row of losses of which no pair is decided."""

    rows: tuple[Rank, ...]
    ties: tuple[tuple[int, int], ...]


def ranking(across: AcrossData) -> Ranking:
    """Rank the losses, and find the groups of adjacent losses in which no pair is decided.

    >>> from lossbench.comparison.model import DataSetPair
    >>> pairs = [DataSetPair(*names, 9, 0, 1, 1, decision) for *names, decision in (
    ...     ("x", "y", "undecided"), ("x", "z", "a_better"), ("y", "z", "undecided"))]
    >>> ranking(AcrossData(9, 0, 1, {"z": 3.0, "x": 1.0, "y": 2.0}, tuple(pairs))).ties
    ((0, 1), (1, 2))
    """
    rows = sorted(across.mean_ranks.items(), key=lambda item: item[1])
    decided = {
        frozenset((pair.a, pair.b)) for pair in across.pairs if pair.decision in ("a_better", "b_better")
    }
    names = [name for name, _ in rows]
    ties: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = first
        while last + 1 < len(names) and not any(
            frozenset((names[last + 1], other)) in decided for other in names[first : last + 1]
        ):
            last += 1
        if last > first and (not ties or last > ties[-1][1]):
            ties.append((first, last))
    return Ranking(tuple(Rank(name, rank) for name, rank in rows), tuple(ties))
