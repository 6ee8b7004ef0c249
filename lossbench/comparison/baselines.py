"""Add the recorded baselines to a comparison, and test whether each loss beats the best constant.

The test is outside the family of the pairs and changes none of their p-values. This module imports no torch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from lossbench.comparison import inference
from lossbench.comparison.model import AgainstConstant, Baseline, Comparison, Group
from lossbench.comparison.summary import summarised
from lossbench.comparison.verdict import describe
from lossbench.records.baselines import CONSTANT, NAMES, BaselineRecord, RunBlock, read_baselines, read_block

FEWEST_SEEDS = 3  # with which the variance over the seeds is an estimate at all


def with_baselines(comparison: Comparison) -> Comparison:
    """Return the comparison with the baselines that are recorded beside its runs, and its verdict."""
    baselines: list[Baseline] = []
    tested: list[Group] = []
    for data in comparison.blocks:
        on_data = [group for group in comparison.groups if group.data == data]
        block = run_block(comparison, data)
        records = [
            record
            for record in read_baselines(block.folders)
            if record.belongs_to(block, comparison.metric_name)
        ]
        on_block = [
            _baseline(name, data, of_name, block, comparison.metric)
            for name in NAMES
            if (of_name := [record for record in records if record.result.loss == name])
        ]
        baselines += on_block
        constant = next((each for each in on_block if each.name == CONSTANT and each.scores), None)
        if constant is not None:
            ratio = _ratio(records, comparison)
            on_data = _tested(on_data, constant, block, ratio, comparison.higher_is_better)
        tested += on_data
    comparison = replace(
        comparison,
        groups=tuple(tested),
        baselines=tuple(baselines) or None,
    )
    return replace(comparison, verdict=describe(comparison))


def run_block(comparison: Comparison, data: str) -> RunBlock:
    """Return what the runs of a comparison share on one block of data."""
    groups = (group for group in comparison.groups if group.data == data)
    return read_block([Path(folder) for group in groups for folder in group.folders])


def _baseline(
    name: str, data: str, records: Sequence[BaselineRecord], block: RunBlock, metric: str
) -> Baseline:
    """Put together the records of one baseline; two sweeps into different folders have one each."""
    scores: dict[int, float | None] = {}
    for record in records:
        scores |= {seed: values.get(metric) for seed, values in record.scores(block).items()}
    finite = {seed: score for seed, score in sorted(scores.items()) if score is not None}
    return Baseline(
        name=name,
        data=data,
        summary=summarised(list(finite.values()), 0),
        seeds=tuple(finite),
        scores=tuple(finite.values()),
        duration_s=round(sum(record.result.duration_s for record in records), 3),
        left_out=next((record.result.error for record in records if record.result.error), None),
    )


def _ratio(records: Sequence[BaselineRecord], comparison: Comparison) -> float:
    """Return the size of the part that is evaluated, relative to the training part."""
    sizes = records[0].sizes
    return sizes[comparison.metric.partition("/")[0]] / sizes["train"]


def _tested(
    groups: Sequence[Group], constant: Baseline, block: RunBlock, ratio: float, higher_is_better: bool
) -> list[Group]:
    """Test for each loss of a block whether it beats the constant, with Holm's correction for the losses."""
    same_rows = len(set(block.splits.values())) == 1 and len(block.splits) > 1
    against = [_against(group, constant, ratio, higher_is_better, same_rows) for group in groups]
    p_values = [each.p_value for each in against if each is not None and each.p_value is not None]
    adjusted = iter(inference.holm(p_values))
    results = []
    for group, each in zip(groups, against, strict=True):
        if each is not None and each.p_value is not None:
            p = next(adjusted)
            beats = inference.is_significant(p)
            each = replace(each, p_adjusted=p, beats=beats, passes=beats)
        results.append(replace(group, against_constant=each))
    return results


def _against(
    group: Group, constant: Baseline, ratio: float, higher_is_better: bool, same_rows: bool
) -> AgainstConstant | None:
    """Compare a loss with the constant, seed by seed; None if no seed has both scores."""
    by_seed: Mapping[int, float] = dict(zip(constant.seeds, constant.scores, strict=True))
    pairs = [
        (score, by_seed[seed])
        for seed, score in zip(group.seeds, group.scores, strict=True)
        if seed in by_seed
    ]
    if not pairs:
        return None
    differences = [loss - of_constant for loss, of_constant in pairs]
    gains = differences if higher_is_better else [-difference for difference in differences]
    few = len(pairs) < FEWEST_SEEDS
    reason = (
        f"fewer than {FEWEST_SEEDS} seeds" if few else "all seeds have the same rows" if same_rows else None
    )
    return AgainstConstant(
        n=len(pairs),
        difference=float(np.mean(differences)),
        p_value=None if reason else corrected_t_test(gains, ratio),
        p_adjusted=None,
        beats=None,
        passes=float(np.mean(gains)) > 0,
        not_tested=reason,
    )


def corrected_t_test(gains: Sequence[float], ratio: float) -> float:
    """Return the one-sided p-value of the mean gain over seeds, which split the same rows differently.

    The seeds share rows, so that their gains are not independent, and Student's test would reject far too
    often. The variance of the mean is corrected for that: ``(1 / n + ratio)`` times the variance of the gains
    (Nadeau and Bengio 2003, Machine Learning 52).

    Args:
        gains: one for each seed, above 0 where the loss is better.
        ratio: the number of rows that are evaluated, relative to those that train.

    >>> round(corrected_t_test([1.0, 2.0, 3.0], 1 / 3), 3), corrected_t_test([0.0, 0.0, 0.0], 1 / 3)
    (0.067, 1.0)
    """
    values = np.asarray(gains, dtype=np.float64)
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    if spread <= 1e-12 * float(np.abs(values).max()):  # all seeds alike but for rounding
        return 0.0 if mean > 0 else 1.0
    t = mean / (spread * math.sqrt(1 / len(values) + ratio))
    return float(stats.t.sf(t, len(values) - 1))
