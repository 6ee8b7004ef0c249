"""The cells of the page's tables: the text that is displayed, and the full values.

This module imports no torch.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lossbench.comparison.charts import MISSING, shown
from lossbench.comparison.model import Ends


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
        text: what is displayed.
        values: the values for sorting and copying, in full precision; several values fill several columns.
        kind: CSS classes: ``number`` or ``text``, and others of the style sheet.
        swatch: the number of the loss's color; None for no swatch.
    """

    text: str
    values: Sequence[Any]
    kind: str = "number"
    swatch: int | None = None

    @property
    def copied(self) -> str:
        """The values as they are copied, one column each."""
        return "\t".join("" if value is None else re.sub(r"\s", " ", str(value)) for value in self.values)


class Column(NamedTuple):
    """The head of a column: what is displayed, the names of the copied values, and CSS classes."""

    text: str
    names: Sequence[str]
    kind: str = "number"


class Table(NamedTuple):
    """A table that can be sorted and copied."""

    name: str
    columns: list[Column]
    rows: list[list[Cell]]


def text(content: Any, kind: str = "text", swatch: int | None = None) -> Cell:
    """Return a cell of text."""
    return Cell(str(content), [content], kind, swatch)


def count(number: int, kind: str = "number") -> Cell:
    """Return a cell of a whole number."""
    return Cell(str(number), [number], kind)


def number(value: float | None, decimals: int | None) -> Cell:
    """Return a cell of a number."""
    return Cell(shown(value, decimals), [value])


def setting(value: Any) -> Cell:
    """Return a cell of a config value."""
    return Cell(MISSING if value is None else str(value), [value])


def interval(ends: Ends, decimals: int | None) -> Cell:
    """Return a cell of an interval."""
    low, high = ends
    if low is None and high is None:
        return Cell(MISSING, [None, None])
    return Cell(f"[{shown(low, decimals)}, {shown(high, decimals)}]", [low, high])


def probability(value: float | None) -> Cell:
    """Return a cell of a p-value.

    >>> probability(0.0213).text, probability(2e-6).text
    ('0.021', '< 0.001')
    """
    if value is None:
        return Cell(MISSING, [None])
    return Cell("< 0.001" if value < 0.001 else f"{value:.3f}", [value])


def decimals(intervals: Iterable[Ends]) -> int | None:
    """Return how many decimals show two digits of the typical width of an interval; None if none is known.

    >>> decimals([(0.0, 2.7), (1.0, 2.4), (None, None)]), decimals([(0.0, 0.013)])
    (1, 3)
    """
    widths = [high - low for low, high in intervals if low is not None and high is not None]
    known = [width for width in widths if width and math.isfinite(width)]
    if not known:
        return None
    return min(max(1 - math.floor(math.log10(float(np.median(known)))), 0), 8)


def words(content: Any) -> str:
    """Return any content of JSON in one line.

    >>> words({"optimizer.lr": 0.01, "layers": [1, 2]})
    'optimizer.lr=0.01, layers=(1, 2)'
    """
    if isinstance(content, Mapping):
        return ", ".join(
            f"{key}=({words(value)})" if isinstance(value, Mapping | list) else f"{key}={words(value)}"
            for key, value in content.items()
        )
    if isinstance(content, list | tuple):
        return ", ".join(words(each) for each in content)
    if isinstance(content, float):
        return f"{content:.4g}"
    return MISSING if content is None else str(content)
