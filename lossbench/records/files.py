"""Write files completely or not at all.

This module imports no torch, and NumPy only where arrays are written.
"""

import csv
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CSV_LINES = 100_000  # longer predictions are written as Parquet


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place in one step.

    A reader sees either the old file or the whole new one, whenever the machine stops.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, "utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON atomically; a number that is not finite is an error, because JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file atomically; floats keep all their digits."""

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    write_atomically(path, write)


def write_arrays(path: Path, arrays: Mapping[str, "NDArray[Any]"]) -> None:
    """Write arrays as safetensors, a format that loads without running code."""
    import numpy as np
    from safetensors.numpy import save

    content: bytes = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_predictions(folder: Path, columns: Mapping[str, "NDArray[Any]"]) -> Path:
    """Write the predictions for the test part: a CSV file, or Parquet above 100,000 lines."""
    if len(next(iter(columns.values()))) <= _CSV_LINES:
        path = folder / "predictions.csv"
        lists = (column.tolist() for column in columns.values())
        write_rows(path, list(columns), zip(*lists, strict=True))
        return path
    import pandas as pd

    path = folder / "predictions.parquet"
    frame = pd.DataFrame(dict(columns))
    write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))
    return path
