"""The tables of the page. This module imports no torch."""

import json
from collections.abc import Iterable, Mapping

from lossbench.comparison.charts import MISSING, columns_on, digits, shown
from lossbench.comparison.model import (
    AcrossData,
    Comparison,
    DataSetPair,
    Decision,
    Ends,
    Excluded,
    Group,
    Pair,
    Summary,
    Tuning,
    favored_by,
)
from lossbench.comparison.report.cells import (
    Cell,
    Column,
    Table,
    count,
    decimals,
    interval,
    number,
    probability,
    setting,
    text,
    words,
)

Colors = Mapping[str, int]  # the number of each loss's color, by label

_DECISIONS: dict[Decision, str] = {
    "undecided": "undecided",
    "too_few_seeds": "too few seeds",
    "too_few_data_sets": "too few data sets",
}


_AGAINST = ["beats the constant", "minus the constant", "p_adjusted, constant", "p_value, constant"]


def groups(comparison: Comparison, colors: Colors) -> Table:
    """Return the table of each loss on each block of data, with a summary of its scores."""
    tuned = comparison.tuning is not None
    recorded = any(group.not_converged is not None for group in comparison.groups)
    tested = any(group.against_constant for group in comparison.groups)
    columns = [
        Column("loss", ["loss"], "text"),
        *_data_column(comparison),
        Column("seeds", ["seeds"]),
        Column("diverged", ["diverged"]),
        *([Column("not converged", ["not converged"])] if recorded else []),
        Column("mean", ["mean"]),
        Column("95% interval", ["mean low", "mean high"]),
        Column("median", ["median"]),
        Column("95% interval", ["median low", "median high"]),
        *([Column("beats the constant", _AGAINST, "text")] if tested else []),
        *([Column("tuned", ["tuned"], "text")] if tuned else []),
    ]
    places = _decimals_of_groups(comparison.groups, medians=True)
    rows = []
    for data in comparison.blocks:
        for group in (group for group in comparison.groups if group.data == data):
            kind = "label reference" if group.label == comparison.reference else "label"
            counts = [group.summary.diverged, *([group.not_converged] if recorded else [])]
            rows.append(
                [
                    text(group.label, kind, colors[group.label]),
                    *_data_cell(comparison, data),
                    count(group.summary.n),
                    *(setting(None) if each is None else _count_of_bad(each) for each in counts),
                    *_mean(group.summary, places[data]),
                    number(group.summary.median, places[data]),
                    interval(group.summary.median_ci95, places[data]),
                    *([_beats_the_constant(group)] if tested else []),
                    *([text(_tuned_words(group))] if tuned else []),
                ]
            )
        for baseline in comparison.baselines_on(data):
            row = [text(baseline.name, "label baseline"), *_data_cell(comparison, data)]
            row += [count(baseline.summary.n), *[Cell("", [None])] * (1 + recorded)]
            row += _mean(baseline.summary, places[data])
            row += [
                number(baseline.summary.median, places[data]),
                interval(baseline.summary.median_ci95, places[data]),
            ]
            row += [Cell("", [None] * len(_AGAINST), "text")] * tested
            rows.append([*row, *[text(baseline.left_out or "")] * tuned])
    return Table("groups", columns, rows)


def _count_of_bad(number_of_seeds: int) -> Cell:
    return count(number_of_seeds, "number bad" if number_of_seeds else "number")


def _beats_the_constant(group: Group) -> Cell:
    """Return whether a loss beats the constant, with the numbers of the test."""
    against = group.against_constant
    if against is None:
        return Cell(MISSING, [None] * len(_AGAINST), "text")
    values = [against.beats, against.difference, against.p_adjusted, against.p_value]
    if against.beats is None:
        return Cell(f"not tested: {against.not_tested}", values, "text")
    p = probability(against.p_adjusted).text
    return Cell(
        f"{'yes' if against.beats else 'no'} (p {p})", values, "text" if against.beats else "text bad"
    )


def _tuned_words(group: Group) -> str:
    return words({**group.tuned.setting, "runs": group.tuned.runs} if group.tuned else None)


def scores(comparison: Comparison, data: str) -> Table:
    """Return the score of every seed on one block of data; a column for each loss."""
    on_data = [group for group in comparison.groups if group.data == data]
    by_seed = [dict(zip(group.seeds, group.scores, strict=True)) for group in on_data]
    seeds = sorted({seed for of_group in by_seed for seed in of_group})
    columns = [Column("seed", ["seed"]), *(Column(group.label, [group.label]) for group in on_data)]
    rows = [[count(seed), *(number(of_group.get(seed), None) for of_group in by_seed)] for seed in seeds]
    return Table(f"scores, {data}", columns, rows)


def pairs(comparison: Comparison) -> Table:
    """Return every pair with its decision."""
    columns = [
        Column("losses", ["a", "b"], "text"),
        *_data_column(comparison),
        Column("decision", ["decision"], "text"),
        Column("difference", ["difference"]),
        Column("95% interval", ["difference low", "difference high"]),
        Column("p, Holm", ["p_adjusted"]),
        Column("p", ["p_value"]),
        Column("p, Wilcoxon", ["p_wilcoxon"]),
        Column("first is better", ["probability_a_better"]),
        Column("95% interval", ["probability low", "probability high"]),
        Column("seeds", ["n"]),
        Column("seeds needed", ["seeds_needed"]),
    ]
    places = _decimals_by_data((pair.data, pair.ci95) for pair in comparison.pairs)
    rows = [
        [
            _names(pair),
            *_data_cell(comparison, pair.data),
            _decision(pair, pair.decision, comparison.winner(pair)),
            number(pair.difference, places[pair.data]),
            interval(pair.ci95, places[pair.data]),
            probability(pair.p_adjusted),
            probability(pair.p_value),
            probability(pair.p_wilcoxon),
            number(pair.probability_a_better, 2),
            interval(pair.probability_ci95, 2),
            count(pair.n),
            number(pair.seeds_needed, 0),
        ]
        for pair in comparison.pairs
    ]
    return Table("pairs", columns, rows)


def tuned(comparison: Comparison, tuning: Tuning, colors: Colors) -> Table:
    """Return the table of each loss at its own best setting and at the setting that all losses share."""
    columns = [Column("loss", ["loss"], "text"), *_data_column(comparison)]
    for kind in ("tuned", "same"):
        columns += [
            *(Column(f"{kind}: {key}", [f"{kind} {key}"]) for key in tuning.keys),
            Column("mean", [f"{kind} mean"]),
            Column("95% interval", [f"{kind} mean low", f"{kind} mean high"]),
        ]
    places = _decimals_of_groups(comparison.groups)
    rows = []
    for group in comparison.groups:
        if group.tuned is None or group.same is None:
            continue
        row = [text(group.label, "label", colors[group.label]), *_data_cell(comparison, group.data)]
        for chosen, summary in (
            (group.tuned.setting, group.summary),
            (group.same.setting, group.same.summary),
        ):
            row += [setting(chosen.get(key)) for key in tuning.keys]
            row += _mean(summary, places[group.data])
        rows.append([*row, count(group.tuned.runs)])
    return Table("tuned and same", [*columns, Column("runs", ["runs"])], rows)


def shared_pairs(comparison: Comparison) -> Table:
    """Return the pairs at the setting that all losses share."""
    columns = [
        Column("losses", ["a", "b"], "text"),
        *_data_column(comparison),
        Column("decision", ["decision"], "text"),
        Column("difference", ["difference"]),
        Column("95% interval", ["difference low", "difference high"]),
        Column("p, Holm", ["p_adjusted"]),
    ]
    known = [(pair, pair.same) for pair in comparison.pairs if pair.same is not None]
    places = _decimals_by_data((pair.data, same.ci95) for pair, same in known)
    rows = [
        [
            _names(pair),
            *_data_cell(comparison, pair.data),
            _decision(pair, same.decision, comparison.winner(pair, same.decision)),
            number(same.difference, places[pair.data]),
            interval(same.ci95, places[pair.data]),
            probability(same.p_adjusted),
        ]
        for pair, same in known
    ]
    return Table("pairs at the same setting", columns, rows)


def trials(comparison: Comparison, tuning: Tuning, colors: Colors) -> Table:
    """Return each loss at every setting that was tried."""
    columns = [
        Column("loss", ["loss"], "text"),
        *_data_column(comparison),
        *(Column(key, [key]) for key in tuning.keys),
        Column("on validation", ["validation mean"]),
        Column("95% interval", ["validation low", "validation high"]),
        Column("on test", ["test mean"]),
        Column("95% interval", ["test low", "test high"]),
        Column("diverged", ["diverged"]),
        Column("chosen", ["chosen"], "text"),
    ]
    places = _decimals_by_data((trial.data, trial.summary.mean_ci95) for trial in tuning.trials)
    rows = []
    for trial in tuning.trials:
        chosen = [kind for kind, is_it in (("tuned", trial.tuned), ("same", trial.same)) if is_it]
        rows.append(
            [
                text(trial.label, "label", colors[trial.label]),
                *_data_cell(comparison, trial.data),
                *(setting(trial.setting.get(key)) for key in tuning.keys),
                number(trial.validation_mean, places[trial.data]),
                interval(trial.validation_mean_ci95, places[trial.data]),
                *_mean(trial.summary, places[trial.data]),
                count(trial.summary.diverged),
                text(", ".join(chosen)),
            ]
        )
    return Table("every setting", columns, rows)


def matrix(comparison: Comparison, colors: Colors) -> Table:
    """Return the table of each loss evaluated by each metric."""
    content = comparison.matrix
    columns = [
        Column("trained with", ["trained with"], "text"),
        *_data_column(comparison),
        *(Column(metric, [metric]) for metric in content.metrics),
    ]
    places = {data: [digits(column) for column in columns_on(content, data)] for data in comparison.blocks}
    rows = [
        [
            text(row.label, "label", colors.get(row.label)),
            *_data_cell(comparison, row.data),
            *(
                Cell(shown(value, known), [value], "number same" if same else "number")
                for value, same, known in zip(row.values, row.same, places[row.data], strict=True)
            ),
        ]
        for row in content.rows
    ]
    return Table("matrix", columns, rows)


def across(comparison: Comparison, content: AcrossData) -> list[Table]:
    """Return Friedman's test, the mean ranks and the pairs over data sets."""
    columns = [Column(name, [name]) for name in ("data sets", "statistic", "p")]
    test = [Cell(words(value), [value]) for value in (content.n, content.statistic, content.p_value)]
    rank_columns = [Column("loss", ["loss"], "text"), Column("mean rank, 1 is best", ["mean rank"])]
    ranks = sorted(content.mean_ranks.items(), key=lambda item: item[1])
    pair_columns = [
        Column("losses", ["a", "b"], "text"),
        Column("decision", ["decision"], "text"),
        Column("median difference", ["median difference"]),
        Column("p, Holm", ["p_adjusted"]),
        Column("p, Wilcoxon", ["p_value"]),
    ]
    pair_rows = [
        [
            _names(pair),
            _decision(pair, pair.decision, comparison.winner_over_data(pair)),
            number(pair.median_difference, None),
            probability(pair.p_adjusted),
            probability(pair.p_value),
        ]
        for pair in content.pairs
    ]
    return [
        Table("Friedman's test", columns, [test]),
        Table("Mean ranks", rank_columns, [[text(label), number(rank, 2)] for label, rank in ranks]),
        Table("Pairs over the data sets", pair_columns, pair_rows),
    ]


def excluded(runs: Iterable[Excluded]) -> Table:
    """Return the table of the runs that are excluded from all numbers."""
    columns = [Column("run", ["folder"], "text"), Column("reason", ["reason"], "text")]
    return Table(
        "excluded runs",
        columns,
        [[text(run.folder, "text code"), text(run.reason, "text wide")] for run in runs],
    )


def varied(comparison: Comparison) -> dict[str, list[str]]:
    """Return, for each key that varies, its values; the list is empty if it is not a key of a loss."""
    values = {
        key: [group.config[key] for group in comparison.groups if key in group.config]
        for key in comparison.varied
    }
    return {
        key: list(
            dict.fromkeys(json.dumps(each) if isinstance(each, dict | list) else str(each) for each in of_key)
        )
        for key, of_key in values.items()
    }


def _data_column(comparison: Comparison) -> list[Column]:
    """Return the column of the block of data, if there are several."""
    return [Column("data", ["data"], "text")] if len(comparison.blocks) > 1 else []


def _data_cell(comparison: Comparison, data: str) -> list[Cell]:
    return [text(data)] if len(comparison.blocks) > 1 else []


def _decimals_by_data(intervals: Iterable[tuple[str, Ends]]) -> dict[str, int | None]:
    """Return for each block of data how many decimals its intervals need."""
    by_data: dict[str, list[Ends]] = {}
    for data, ends in intervals:
        by_data.setdefault(data, []).append(ends)
    return {data: decimals(of_data) for data, of_data in by_data.items()}


def _decimals_of_groups(groups: Iterable[Group], medians: bool = False) -> dict[str, int | None]:
    return _decimals_by_data(
        (group.data, ends)
        for group in groups
        for ends in (
            [group.summary.mean_ci95, group.summary.median_ci95] if medians else [group.summary.mean_ci95]
        )
    )


def _mean(summary: Summary, places: int | None) -> list[Cell]:
    return [number(summary.mean, places), interval(summary.mean_ci95, places)]


def _names(pair: Pair | DataSetPair) -> Cell:
    return Cell(f"{pair.a}\n{pair.b}", [pair.a, pair.b], "label pair")


def _decision(pair: Pair | DataSetPair, decision: Decision, winner: str | None) -> Cell:
    """Return a decision; a loss that it favors is no winner if it does not beat the constant."""
    if winner is not None:
        return Cell(f"{winner} is better", [decision], "text decided")
    favored = favored_by(pair, decision)
    if favored is not None:
        return Cell(f"{favored} does not beat the constant", [decision], "text open")
    return Cell(_DECISIONS[decision], [decision], "text open")
