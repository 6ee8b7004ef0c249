"""Read the columns of a table that are neither features nor targets: weight, part, time, group."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.data.columns import Column, numbers, refuse_gaps
from lossbench.data.readers import where
from lossbench.data.splits import PARTS
from lossbench.errors import UserError


def read_roles(columns: Mapping[str, Column], path: str) -> dict[str, Any]:
    """Return columns by role as attributes of a :class:`~lossbench.data.dataset.Dataset`.

    Args:
        columns: the column of each role: ``weight``, ``group``, ``split_column``, ``time``; each may be
            absent.
        path: the path of the file, for messages.

    Raises:
        UserError: a cell does not fit the role; the message names the first such cell.
    """
    readers = {
        "weight": ("weights", _weights),
        "group": ("groups", _groups),
        "split_column": ("parts", _parts),
        "time": ("order", _order),
    }
    attributes = ((*readers[role], column) for role, column in columns.items())
    return {attribute: reader(column, path) for attribute, reader, column in attributes}


def _weights(column: Column, path: str) -> NDArray[np.float64]:
    """Return how much each row counts."""
    weights = numbers(column, path, role="weight")
    if weights.min() < 0 or weights.max() == 0:
        first = int(weights.argmin())
        raise UserError(
            f"{where(path, first, column)}: {weights[first]:g}; weights are at least 0, and not all 0"
        )
    return weights


def _groups(column: Column, path: str) -> NDArray[np.int64]:
    """Return the number of each row's group; empty cells are a group."""
    return pd.factorize(column, use_na_sentinel=False)[0].astype(np.int64)


def _parts(column: Column, path: str) -> NDArray[np.int64]:
    """Return the part of each row: 0 to train, 1 to validate, 2 to test."""
    texts = column.astype(str).str.strip().str.lower()
    known = {name: index for index, name in enumerate(PARTS)}
    parts = texts.map(known)
    if parts.isna().any():
        first = int(parts.isna().argmax())
        raise UserError(
            f"{where(path, first, column)}: '{column.iloc[first]}'; a part is one of: {', '.join(PARTS)}"
        )
    absent = [name for name, index in known.items() if not (parts == index).any()]
    if absent:
        raise UserError(f"data.split_column={column.name}: no row is given to {' and '.join(absent)}")
    result: NDArray[np.int64] = parts.to_numpy(dtype=np.int64)
    return result


def _order(column: Column, path: str) -> NDArray[np.int64]:
    """Return the rank of each row in time; rows of the same time keep the order of the table."""
    refuse_gaps(column, path, "fill it, or leave data.time out")
    times = column
    if not pd.api.types.is_numeric_dtype(column.dtype):
        # ISO 8601 alone: other formats leave open whether 01/02/2024 is in January
        times = pd.to_datetime(column.astype(str), errors="coerce", format="ISO8601", utc=True)
    if times.isna().any():
        first = int(times.isna().argmax())
        cell = where(path, first, column)
        raise UserError(f"{cell}: '{column.iloc[first]}' is not a time; write 2026-01-31 or a number")
    ranks = np.empty(len(times), dtype=np.int64)
    ranks[np.argsort(times.to_numpy(), kind="stable")] = np.arange(len(times))
    return ranks
