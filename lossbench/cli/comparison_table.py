"""Print a comparison in the terminal, at 80 columns. This module imports no torch."""

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossbench import registry
from lossbench.cli.console import mean_and_spread
from lossbench.comparison.model import Comparison, Ends, Tuning


def print_comparison(comparison: Comparison) -> None:
    """Print each loss and each pair with its interval, and the verdict in words."""
    console = Console(highlight=False)
    console.print(_groups(comparison))
    if comparison.tuning:
        console.print(_tuned(comparison, comparison.tuning))
    if comparison.pairs:
        console.print(_pairs(comparison))
    console.print(escape(comparison.verdict))
    for run in comparison.excluded:
        console.print(escape(f"excluded: {run.folder}: {run.reason}"), soft_wrap=True)


def _groups(comparison: Comparison) -> Table:
    direction = "higher" if comparison.higher_is_better else "lower"
    table = Table(title=escape(f"{comparison.metric}, {direction} is better"))
    _add_columns(table, ["loss", *_block(comparison, "data"), "mean", "95% interval", "median", "seeds"])
    for group in comparison.groups:
        summary = group.summary
        table.add_row(
            escape(_short(group.label)),
            *_block(comparison, escape(group.data)),
            _number(summary.mean),
            _interval(summary.mean_ci95, _number),
            _number(summary.median),
            f"{summary.n}" + (f" ({summary.diverged} diverged)" if summary.diverged else ""),
        )
    return table


def _tuned(comparison: Comparison, tuning: Tuning) -> Table:
    """Return each loss at its own best setting, and at the setting that all losses share."""
    keys = tuning.keys
    table = Table(title=escape(f"tuned for each loss, or the same for all: {', '.join(keys)}"))
    _add_columns(table, ["loss", *_block(comparison, "data"), "tuned", "mean", "same", "mean", "runs"])
    for group in comparison.groups:
        if group.tuned is not None and group.same is not None:
            table.add_row(
                escape(_short(group.label)),
                *_block(comparison, escape(group.data)),
                escape(", ".join(str(group.tuned.setting.get(key, "-")) for key in keys)),
                _number(group.summary.mean),
                escape(", ".join(str(group.same.setting.get(key, "-")) for key in keys)),
                _number(group.same.summary.mean),
                str(group.tuned.runs),
            )
    return table


def _pairs(comparison: Comparison) -> Table:
    table = Table(title="pairs, by seed")
    _add_columns(table, ["a - b", "difference", "95% interval", "p (Holm)", "a beats b", "decision"])
    for pair in comparison.pairs:
        block = "".join(f" on {data}" for data in _block(comparison, pair.data))
        table.add_row(
            escape(f"{_short(pair.a)} - {_short(pair.b)}{block}"),
            _three_digits(pair.difference),
            _interval(pair.ci95, _three_digits),
            _three_digits(pair.p_adjusted),
            "-" if pair.probability_a_better is None else f"{pair.probability_a_better:.0%}",
            pair.decision.replace("_", " "),
        )
    return table


def _add_columns(table: Table, names: list[str]) -> None:
    for name in names:
        table.add_column(name, justify="left" if name in ("loss", "data", "a - b") else "right")


def _block(comparison: Comparison, text: str) -> list[str]:
    """Return the entry for the column of blocks of data, which exists only if there are several blocks."""
    return [text] if len(comparison.blocks) > 1 else []


def _number(value: float | None) -> str:
    return mean_and_spread([value])


def _three_digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _interval(ends: Ends, show: Callable[[float | None], str]) -> str:
    return "-" if None in ends else " to ".join(map(show, ends))


def _short(label: str) -> str:
    """Return a label with the first alias of the loss if that is shorter, as a terminal is narrow."""
    name, space, rest = label.partition(" ")
    aliases = registry.loss(name).aliases if name in registry.losses() else []
    shortest: str = min([name, *aliases[:1]], key=len)
    return shortest + space + rest
