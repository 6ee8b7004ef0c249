"""Compare losses: describe each one, decide each pair, and put the result into words.

This module imports no torch.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lossbench import registry
from lossbench.comparison import inference
from lossbench.comparison.baselines import with_baselines
from lossbench.comparison.grouping import RunGroup, TriedSettings, grouped, read_runs
from lossbench.comparison.model import (
    AcrossData,
    Comparison,
    Excluded,
    Group,
    Matrix,
    MatrixRow,
    Pair,
    SharedPair,
    SharedSetting,
    Trial,
    TunedSetting,
    Tuning,
)
from lossbench.comparison.summary import summarised
from lossbench.comparison.verdict import describe
from lossbench.errors import UserError, did_you_mean
from lossbench.records.result import Result, results_in

_PARTS = ("test/", "validation/", "train/")


def compare(
    *folders: str | Path, metric: str | None = None, reference: str | None = None, baselines: bool = True
) -> Comparison:
    """Compare the losses of sweeps or runs by one metric.

    Baselines are read from the folders; the command ``compare`` and every sweep train those that are missing.

    Args:
        folders: the folders of sweeps or of runs.
        metric: the primary metric, ``test/rmse`` or ``rmse``; by default the first of those that the runs
            monitored that all of them have.
        reference: the label of the loss that all others are compared with; by default all pairs are compared.
        baselines: whether the recorded baselines are part of the comparison.

    Raises:
        UserError: there is nothing to compare, or no fair way to do so; the message names the key or run.
    """
    results = [result for folder in folders for result in results_in(Path(folder))]
    finished = [result for result in results if result.status != "failed"]
    if not finished:
        raise UserError(f"{', '.join(map(str, folders))}: no finished run to compare")
    directions = {key: value for result in finished for key, value in result.higher_is_better.items()}
    primary, metric_note = _primary_metric(finished, directions, metric)
    higher = directions[primary.partition("/")[2]]
    runs, varied = read_runs(finished)
    tried = grouped(runs, primary, higher)
    groups = [loss.best for loss in tried]
    _check_reference(reference, groups)
    tuning = _tuning(tried, primary) if any(len(loss.groups) > 1 for loss in tried) else None
    pairs = _pairs(groups, primary, higher, reference)
    if tuning:
        shared = _pairs([loss.shared for loss in tried], primary, higher, reference)
        pairs = [replace(pair, same=_shared_pair(at)) for pair, at in zip(pairs, shared, strict=True)]
    comparison = Comparison(
        metric=primary,
        metric_note=metric_note,
        higher_is_better=higher,
        reference=reference,
        varied=tuple(varied),
        groups=tuple(_group(loss, primary, tuned=tuning is not None) for loss in tried),
        pairs=tuple(pairs),
        matrix=_matrix(groups, directions),
        across_data=_across(groups, primary, higher),
        tuning=tuning,
        excluded=_excluded(results),
        commands=tuple(dict.fromkeys(run.command for run in runs if run.command)),
    )
    if baselines:
        return with_baselines(comparison)
    return replace(comparison, verdict=describe(comparison))


def _excluded(results: Sequence[Result]) -> tuple[Excluded, ...]:
    failed = (result for result in results if result.status == "failed")
    return tuple(Excluded(result.folder.name, f"failed: {result.error}") for result in failed)


def _primary_metric(
    results: list[Result], directions: Mapping[str, bool], metric: str | None
) -> tuple[str, str | None]:
    """Return the full name of the metric to compare by, which all runs have, and a note on its choice."""
    shared = sorted(set.intersection(*(set(result.metrics) for result in results)))
    note = None
    if metric is None:
        monitored = list(dict.fromkeys(str(result.primary_metric) for result in results))
        metric = next((name for name in monitored if f"test/{name}" in shared), monitored[0])
        if len(monitored) > 1:
            names = ", ".join(monitored)
            if f"test/{metric}" not in shared:
                raise UserError(
                    f"these runs have different primary metrics ({names}), none of which all have on test; "
                    "choose one for all with --metric"
                )
            note = (
                f"The runs monitored different primary metrics ({names}); they are compared by {metric}, the "
                "first of these that all have."
            )
    name = metric if metric.startswith(_PARTS) else f"test/{metric}"
    if name not in shared or name.partition("/")[2] not in directions:
        known = [each for each in shared if each.partition("/")[2] in directions]
        near = did_you_mean(name, known)
        raise UserError(
            f"--metric {metric}: not a metric of all these runs. {near}They have: {', '.join(known)}"
        )
    return name, note


def _check_reference(reference: str | None, groups: Sequence[RunGroup]) -> None:
    labels = [group.label for group in groups]
    if reference is not None and reference not in labels:
        near = did_you_mean(reference, labels)
        raise UserError(f"reference {reference}: no such loss here. {near}There are: {', '.join(labels)}")


def _group(tried: TriedSettings, metric: str, *, tuned: bool) -> Group:
    """Describe a loss on one block at its own best setting, and at the one that all losses share."""
    group, shared = tried.best, tried.shared
    runs = sum(len(each.folders) for each in tried.groups)
    return Group(
        loss=group.loss,
        label=group.label,
        data=group.data,
        data_set=group.data_set,
        config=group.config,
        parameters=group.parameters,
        block=group.block,
        tuned=TunedSetting(group.setting, runs) if tuned else None,
        summary=summarised(group.values(metric), group.diverged),
        not_converged=group.not_converged,
        folders=tuple(str(folder) for folder in group.folders),
        seeds=tuple(sorted(group.scores)),
        scores=tuple(group.values(metric)),
        same=SharedSetting(shared.setting, summarised(shared.values(metric), shared.diverged))
        if tuned
        else None,
    )


def _tuning(tried: Sequence[TriedSettings], metric: str) -> Tuning:
    """Describe every loss at every setting, on validation and by the primary metric, and what was chosen."""
    validation = f"validation/{metric.partition('/')[2]}"
    tried_groups = [(loss, group) for loss in tried for group in loss.groups]
    trials = []
    for loss, group in tried_groups:
        on_validation = summarised(group.values(validation), group.diverged)
        trials.append(
            Trial(
                label=group.label,
                data=group.data,
                setting=group.setting,
                tuned=group is loss.best,
                same=group is loss.shared,
                summary=summarised(group.values(metric), group.diverged),
                validation_mean=on_validation.mean,
                validation_mean_ci95=on_validation.mean_ci95,
            )
        )
    return Tuning(
        keys=tuple(dict.fromkeys(key for _, group in tried_groups for key in group.setting)),
        runs=sum(len(group.folders) for _, group in tried_groups),
        trials=tuple(trials),
    )


def _pairs(
    groups: Sequence[RunGroup], metric: str, higher_is_better: bool, reference: str | None
) -> list[Pair]:
    """Decide each pair of losses on one block by the sign-flip test with Holm's correction.

    With a reference, only the pairs that contain it are decided.
    """
    chosen = [
        (a, b)
        for index, a in enumerate(groups)
        for b in groups[index + 1 :]
        if a.data == b.data and (reference is None or reference in (a.label, b.label))
    ]
    comparisons = Counter(a.data for a, _ in chosen)
    pairs = [_pair(a, b, metric, higher_is_better, comparisons[a.data]) for a, b in chosen]
    adjusted: dict[int, float] = {}
    for data in comparisons:
        tested = {
            index: pair.p_value
            for index, pair in enumerate(pairs)
            if pair.data == data and pair.p_value is not None
        }
        adjusted |= zip(tested, inference.holm(list(tested.values())), strict=True)
    return [
        _decided(pair, adjusted[index], higher_is_better) if index in adjusted else pair
        for index, pair in enumerate(pairs)
    ]


def _decided(pair: Pair, p_adjusted: float, higher_is_better: bool) -> Pair:
    if not inference.is_significant(p_adjusted) or pair.difference is None:
        return replace(pair, p_adjusted=p_adjusted)
    a_is_better = (pair.difference > 0) == higher_is_better
    return replace(pair, p_adjusted=p_adjusted, decision="a_better" if a_is_better else "b_better")


def _pair(a: RunGroup, b: RunGroup, metric: str, higher_is_better: bool, comparisons: int) -> Pair:
    """Compare two losses seed by seed, without a decision: that depends on the other pairs."""
    seeds = [seed for seed in sorted(a.scores) if seed in b.scores]
    unpaired = [seed for seed in seeds if _split_hash(a, seed) != _split_hash(b, seed)]
    if unpaired:
        raise UserError(
            f"{a.label} and {b.label} have different splits at seed {unpaired[0]}, so they cannot be paired: "
            "compare runs with the same data and data.* settings"
        )
    fewest = inference.fewest_seeds(comparisons)
    pair = Pair(a.label, b.label, a.data, len(seeds), seeds_needed=fewest)
    if not seeds:
        return pair
    first, second = np.array(a.values(metric, seeds)), np.array(b.values(metric, seeds))
    differences = first - second
    mean, low, high = inference.difference_interval(differences)
    probability, least, most = inference.probability_better(first, second, higher_is_better)
    pair = replace(
        pair,
        difference=mean,
        ci95=(low, high),
        probability_a_better=probability,
        probability_ci95=(least, most),
    )
    if len(seeds) < fewest:
        return pair
    return replace(
        pair,
        p_value=inference.sign_flip_p(differences),
        p_wilcoxon=inference.wilcoxon_p(differences),
        decision="undecided",
        seeds_needed=inference.seeds_needed(differences, comparisons),
    )


def _shared_pair(pair: Pair) -> SharedPair:
    return SharedPair(pair.n, pair.difference, pair.ci95, pair.p_value, pair.p_adjusted, pair.decision)


def _split_hash(group: RunGroup, seed: int) -> object:
    return group.hashes.get(seed, {}).get("split")


def _matrix(groups: Sequence[RunGroup], directions: Mapping[str, bool]) -> Matrix:
    """Evaluate each loss by each metric on test: the mean over the seeds."""
    names = [
        {
            name.removeprefix("test/")
            for scores in group.scores.values()
            for name in scores
            if name.startswith("test/")
        }
        for group in groups
    ]
    metrics = sorted(set.intersection(*names) & set(directions))
    rows = [
        MatrixRow(
            label=group.label,
            data=group.data,
            values=tuple(float(np.mean(group.values(f"test/{name}"))) for name in metrics),
            same=tuple(name == _metric_of(group.loss) for name in metrics),
        )
        for group in groups
    ]
    return Matrix(tuple(metrics), tuple(directions[name] for name in metrics), tuple(rows))


def _metric_of(loss: str) -> str | None:
    """Return the metric that equals the mean of a loss, or the root of the mean; None for a custom loss."""
    return registry.loss(loss).metric if loss in registry.losses() else None


def _across(groups: Sequence[RunGroup], metric: str, higher_is_better: bool) -> AcrossData | None:
    """Compare the losses over data sets.

    Each data set counts once, with the mean over the rates at which it was corrupted. The result is None if
    there is only one data set, or if a loss was not trained on each.
    """
    labels = list(dict.fromkeys(group.label for group in groups))
    means: dict[str, dict[str, list[float]]] = {}
    for group in groups:
        values = group.values(metric)
        of_label = means.setdefault(group.data_set, {}).setdefault(group.label, [])
        of_label.append(float(np.mean(values)) if values else math.nan)
    if len(means) < 2 or len(labels) < 2 or any(len(by_label) < len(labels) for by_label in means.values()):
        return None
    table = np.array([[np.mean(by_label[label]) for label in labels] for by_label in means.values()])
    return inference.across(table, labels, higher_is_better) if np.isfinite(table).all() else None
