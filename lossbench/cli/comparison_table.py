"""Print a comparison in the terminal, at 80 columns. This module imports no torch."""

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossbench import registry
from lossbench.cli.console import mean_and_spread
from lossbench.comparison.model import Comparison, Ends, Group, Pair, Summary, Tuning, favored_by


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
    names = ["loss", *_block(comparison, "data"), "mean", "95% interval", "median", "seeds"]
    tested = any(group.against_constant for group in comparison.groups)
    _add_columns(table, [*names, *(["beats constant"] if tested else [])])
    for data in comparison.blocks:
        for group in comparison.groups:
            if group.data == data:
                cells = _summary_cells(comparison, _short(group.label), data, group.summary)
                table.add_row(*cells, _seeds(group), *([_beats(group)] if tested else []))
        table.add_section()
        for baseline in comparison.baselines_on(data):
            if baseline.scores:
                cells = _summary_cells(comparison, baseline.name, data, baseline.summary)
                table.add_row(*cells, str(baseline.summary.n), style="dim")
        table.add_section()
    return table


def _summary_cells(comparison: Comparison, name: str, data: str, summary: Summary) -> list[str]:
    return [
        escape(name),
        *_block(comparison, escape(data)),
        _number(summary.mean),
        _interval(summary.mean_ci95, _number),
        _number(summary.median),
    ]


def _seeds(group: Group) -> str:
    summary = group.summary
    words = [f"{summary.diverged} diverged"] if summary.diverged else []
    words += [f"{group.not_converged} not converged"] if group.not_converged else []
    return f"{summary.n}" + (f" ({', '.join(words)})" if words else "")


def _beats(group: Group) -> str:
    against = group.against_constant
    if against is None:
        return "-"
    return "not tested" if against.beats is None else "yes" if against.beats else "no"


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
            _decision(comparison, pair),
        )
    return table


def _decision(comparison: Comparison, pair: Pair) -> str:
    if favored_by(pair, pair.decision) is not None and comparison.winner(pair) is None:
        return "no better than a constant"
    return pair.decision.replace("_", " ")


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
