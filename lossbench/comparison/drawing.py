"""What the page and the pictures both draw: numbers rounded, cells shaded, curves summed up. No torch."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

MISSING = "\N{EN DASH}"
POINTS = 300  # of a learning curve that are drawn; of a longer one every so many epochs
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


def summary(frame: pd.DataFrame) -> dict[str, Any]:
    """Of each column and epoch the median over the seeds, and the band that holds most of them.

    >>> frame = pd.DataFrame({"seed": [0, 1], "epoch": [1, 1], "train/loss": [1.0, 3.0]})
    >>> summary(frame)
    {'epoch': [1], 'seeds': 2, 'columns': {'train/loss': {'median': [2.0], 'low': [1.2], 'high': [2.8]}}}
    """
    names = [name for name in frame.columns if name not in ("seed", "epoch")]
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
