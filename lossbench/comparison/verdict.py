"""The verdict of a comparison in words, derived from its pairs and its baselines.

The words obey the constant: a loss that does not beat it is not called better than anything, whatever its
pairs say.
"""

from collections.abc import Sequence

from lossbench.comparison.model import Baseline, Comparison, Decision, Group, Pair, Tuning, favored_by
from lossbench.errors import counted
from lossbench.records.baselines import CONSTANT
from lossbench.records.table import typed

_NOT_CONVERGED = 0.1  # the share of seeds above which the verdict names a loss that did not converge


def describe(comparison: Comparison) -> str:
    """Return the comparison in words: which loss is better than which, and what to do next."""
    sentences = []
    for data in comparison.blocks:
        groups = [group for group in comparison.groups_on(data) if group.summary.mean is not None]
        pairs = [pair for pair in comparison.pairs if pair.data == data]
        baselines = [each for each in comparison.baselines_on(data) if each.scores]
        sentences.append(_block(data, groups, pairs, comparison.metric_name, baselines))
        sentences += _baselines(groups, baselines, comparison)
    if comparison.metric_note:
        sentences.append(comparison.metric_note)
    sentences += _not_converged(comparison)
    failed = len(comparison.excluded)
    diverged = sum(group.summary.diverged for group in comparison.groups)
    uncounted = [f"{counted(failed, 'run')} failed"] if failed else []
    uncounted += [f"{counted(diverged, 'seed')} diverged"] if diverged else []
    if uncounted:
        sentences.append(f"{' and '.join(uncounted)} (listed, but not counted).")
    if comparison.tuning:
        sentences.append(_tuning(comparison, comparison.tuning))
    if len({group.data_set for group in comparison.groups}) == 1:
        sentences.append(
            "Every seed splits the same data set differently, so the verdict holds for this data set only."
        )
    return " ".join(sentences)


def _block(
    data: str, groups: Sequence[Group], pairs: Sequence[Pair], metric: str, baselines: Sequence[Baseline]
) -> str:
    """Return the sentence about one block of data; its groups are those with a finite mean, best first."""
    if not groups:
        return f"On {data} no run has a finite {metric}."
    able = [group for group in groups if group.may_win]
    if not able:
        return _no_loss_beats_the_constant(data, groups, pairs, metric, baselines)
    best = able[0].label
    score = f"{metric} {able[0].summary.mean:.4g}"
    labels = [group.label for group in groups if group.label != best]
    if not labels:
        return f"On {data} only {best} has a result ({score}), so there is nothing to compare."
    is_first = able[0] is groups[0]
    has_best_mean = "has the best mean" if is_first else "has the best mean of those that beat the constant"
    involved = [pair for pair in pairs if best in (pair.a, pair.b) and {pair.a, pair.b} & set(labels)]
    if not involved:
        return f"On {data} {best} {has_best_mean} ({score}), but it is in no pair that was compared."
    if any(pair.decision == "too_few_seeds" for pair in involved):
        return (
            f"On {data} {best} {has_best_mean} ({score}), but "
            f"{counted(min(pair.n for pair in involved), 'seed')} cannot decide anything: {_more(involved)}."
        )
    lost = [pair for pair in involved if favored_by(pair, pair.decision) not in (None, best)]
    may_win = {group.label for group in able}
    ahead = [_other(pair, best) for pair in lost if _other(pair, best) in may_win]
    if ahead:  # the mean of the best is over other seeds than those of the pair
        return (
            f"On {data} {best} {has_best_mean} ({score}), but {' and '.join(ahead)} is better on the seeds "
            "that both have."
        )
    unpaired = [label for label in labels if label not in {_other(pair, best) for pair in involved}]
    rest = f" It was not compared with {', '.join(unpaired)}." if unpaired else ""  # by --reference
    judged = [pair for pair in involved if pair not in lost]
    if not judged:
        return f"On {data} {best} {has_best_mean} ({score}), but it is better than no other.{rest}"
    return f"On {data} {best} {_what_it_beats(best, score, has_best_mean, labels, judged)}{rest}"


def _what_it_beats(
    best: str, score: str, has_best_mean: str, labels: Sequence[str], judged: Sequence[Pair]
) -> str:
    """Return which losses the best one beats, and from which it cannot be distinguished."""
    compared = [label for label in labels if label in {_other(pair, best) for pair in judged}]
    beaten = [_other(pair, best) for pair in judged if favored_by(pair, pair.decision) == best]
    if len(beaten) == len(labels):
        return f"is better than all others: {score}."
    if len(beaten) == len(compared):
        return f"({score}) is better than {', '.join(beaten)}."
    undecided = [label for label in compared if label not in beaten]
    estimates = [pair.seeds_needed for pair in judged if pair.decision == "undecided" and pair.seeds_needed]
    estimate = f"; about {max(estimates)} seeds would be needed" if estimates else ""
    beats = f"is better than {', '.join(beaten)}, but" if beaten else f"{has_best_mean}, but"
    return (
        f"({score}) {beats} cannot be distinguished from {', '.join(undecided)} "
        f"with {min(pair.n for pair in judged)} seeds{estimate}."
    )


def _no_loss_beats_the_constant(
    data: str, groups: Sequence[Group], pairs: Sequence[Pair], metric: str, baselines: Sequence[Baseline]
) -> str:
    constant = next(baseline for baseline in baselines if baseline.name == CONSTANT)
    best, means = groups[0], (constant.summary.mean, groups[0].summary.mean)
    reference, score = (f"{metric} {mean:.4g}" for mean in means)
    sentence = f"On {data} no loss beats the constant ({reference}): "
    if len(groups) == 1:
        return f"{sentence}{best.label} is the only one with a result ({score})."
    sentence += f"{best.label} has the best mean ({score}), but none is called better than another."
    few = [pair for pair in pairs if pair.decision == "too_few_seeds"]
    if few:
        seeds = counted(min(pair.n for pair in few), "seed")
        sentence += f" {seeds} cannot decide much: {_more(few)}."
    return sentence


def _more(pairs: Sequence[Pair]) -> str:
    needed = max(pair.seeds_needed or 0 for pair in pairs)
    return f"use at least {needed} (replicates={needed})"


def _baselines(groups: Sequence[Group], baselines: Sequence[Baseline], comparison: Comparison) -> list[str]:
    """Return the sentences about the baselines of one block of data."""
    sentences = []
    able = [group for group in groups if group.may_win]
    below = [group.label for group in groups if not group.may_win]
    if able and below:
        does = "does" if len(below) == 1 else "do"
        mean = next(each.summary.mean for each in baselines if each.name == CONSTANT)
        sentences.append(
            f"{' and '.join(below)} {does} not beat the constant ({comparison.metric_name} {mean:.4g})."
        )
    reasons = {group.against_constant.not_tested for group in groups if group.against_constant} - {None}
    if reasons:
        why = " and ".join(sorted(map(str, reasons)))
        sentences.append(f"Whether a loss beats the constant was not tested: {why}.")
    for best in (able or groups)[:1]:
        better = [_better_score(each, best, comparison) for each in baselines if each.name != CONSTANT]
        reached = [text for text in better if text is not None]
        if reached:
            sentences.append(f"{best.label} is behind a baseline: {' and '.join(reached)}.")
    return sentences


def _better_score(baseline: Baseline, best: Group, comparison: Comparison) -> str | None:
    """Return the mean of a baseline where it is better than that of the best loss, on the common seeds."""
    of_best = dict(zip(best.seeds, best.scores, strict=True))
    of_baseline = dict(zip(baseline.seeds, baseline.scores, strict=True))
    seeds = of_best.keys() & of_baseline.keys()
    if not seeds:
        return None
    means = [sum(scores[seed] for seed in seeds) / len(seeds) for scores in (of_baseline, of_best)]
    is_better = means[0] > means[1] if comparison.higher_is_better else means[0] < means[1]
    return f"{baseline.name} reaches {means[0]:.4g}" if is_better else None


def _not_converged(comparison: Comparison) -> list[str]:
    """Return a sentence for each loss of which more than a tenth of the seeds did not converge."""
    sentences = []
    for group in comparison.groups:
        seeds = group.summary.n + group.summary.diverged
        count = group.not_converged or 0
        if count > _NOT_CONVERGED * seeds:
            on = f" on {group.data}" if len(comparison.blocks) > 1 else ""
            sentences.append(f"{group.label} did not converge in {count} of {counted(seeds, 'seed')}{on}.")
    return sentences


def _tuning(comparison: Comparison, tuning: Tuning) -> str:
    """Return what tuning cost, and which decisions one setting for all losses would have changed."""
    keys = " and ".join(tuning.keys)
    were = "were" if len(tuning.keys) > 1 else "was"
    settings = {typed(trial.setting) for trial in tuning.trials if trial.same}
    shared = f"{settings.pop()} for all" if len(settings) == 1 else f"one {keys} for all losses of a data set"
    several = len(comparison.blocks) > 1
    changes = [
        (f"on {pair.data} " if several else "") + _decided(comparison, pair, pair.same.decision)
        for pair in comparison.pairs
        if pair.same and pair.same.decision != pair.decision
    ]
    return (
        f"{keys} {were} tuned for each loss on validation, {tuning.runs} runs in all. With {shared}, "
        f"{', and '.join(changes) or 'the decisions are the same'}."
    )


def _decided(comparison: Comparison, pair: Pair, decision: Decision) -> str:
    favored, winner = favored_by(pair, decision), comparison.winner(pair, decision)
    if favored is None:
        return f"{pair.a} and {pair.b} cannot be distinguished"
    if winner is None:
        return f"{pair.a} and {pair.b} differ, but {favored} does not beat the constant"
    return f"{winner} is better than {_other(pair, winner)}"


def _other(pair: Pair, label: str) -> str:
    return pair.b if pair.a == label else pair.a
