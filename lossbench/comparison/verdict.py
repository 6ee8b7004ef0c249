"""The verdict of a comparison in words, derived from its pairs."""

from collections.abc import Sequence

from lossbench.comparison.model import Comparison, Decision, Group, Pair, Tuning
from lossbench.errors import counted
from lossbench.records.table import typed


def describe(comparison: Comparison) -> str:
    """Return the comparison in words: which loss is better than which, and what to do next."""
    sentences = []
    for data in comparison.blocks:
        groups = [
            group for group in comparison.groups if group.data == data and group.summary.mean is not None
        ]
        pairs = [pair for pair in comparison.pairs if pair.data == data]
        sentences.append(_block(data, groups, pairs, comparison.metric_name))
    if comparison.metric_note:
        sentences.append(comparison.metric_note)
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


def _block(data: str, groups: Sequence[Group], pairs: Sequence[Pair], metric: str) -> str:
    """Return the sentence about one block of data; its groups are those with a finite mean, best first."""
    if not groups:
        return f"On {data} no run has a finite {metric}."
    best = groups[0].label
    score = f"{metric} {groups[0].summary.mean:.4g}"
    labels = [group.label for group in groups[1:]]
    if not labels:
        return f"On {data} only {best} has a result ({score}), so there is nothing to compare."
    involved = [pair for pair in pairs if best in (pair.a, pair.b) and {pair.a, pair.b} & set(labels)]
    others = [label for label in labels if label in {_other(pair, best) for pair in involved}]
    if not involved:
        return f"On {data} {best} has the best mean ({score}), but it is in no pair that was compared."
    if any(pair.decision == "too_few_seeds" for pair in involved):
        needed = max(pair.seeds_needed or 0 for pair in involved)
        seeds = counted(min(pair.n for pair in involved), "seed")
        return (
            f"On {data} {best} has the best mean ({score}), but {seeds} cannot decide anything: use at least "
            f"{needed} (replicates={needed})."
        )
    ahead = [_other(pair, best) for pair in involved if _winner(pair, pair.decision) not in (None, best)]
    if ahead:  # the mean of the best is over other seeds than those of the pair
        return (
            f"On {data} {best} has the best mean ({score}), but {' and '.join(ahead)} is better on the seeds "
            "that both have."
        )
    beaten = [_other(pair, best) for pair in involved if _winner(pair, pair.decision) == best]
    unpaired = [label for label in labels if label not in others]  # by --reference
    rest = f" It was not compared with {', '.join(unpaired)}." if unpaired else ""
    if len(beaten) == len(labels):
        return f"On {data} {best} is better than all others: {score}."
    if len(beaten) == len(others):
        return f"On {data} {best} ({score}) is better than {', '.join(beaten)}.{rest}"
    undecided = [label for label in others if label not in beaten]
    estimates = [pair.seeds_needed for pair in involved if pair.decision == "undecided" and pair.seeds_needed]
    estimate = f"; about {max(estimates)} seeds would be needed" if estimates else ""
    beats = f"is better than {', '.join(beaten)}, but" if beaten else "has the best mean, but"
    return (
        f"On {data} {best} ({score}) {beats} cannot be distinguished from {', '.join(undecided)} "
        f"with {min(pair.n for pair in involved)} seeds{estimate}.{rest}"
    )


def _tuning(comparison: Comparison, tuning: Tuning) -> str:
    """Return what tuning cost, and which decisions one setting for all losses would have changed."""
    keys = " and ".join(tuning.keys)
    were = "were" if len(tuning.keys) > 1 else "was"
    settings = {typed(trial.setting) for trial in tuning.trials if trial.same}
    shared = f"{settings.pop()} for all" if len(settings) == 1 else f"one {keys} for all losses of a data set"
    several = len(comparison.blocks) > 1
    changes = [
        (f"on {pair.data} " if several else "") + _decided(pair, pair.same.decision)
        for pair in comparison.pairs
        if pair.same and pair.same.decision != pair.decision
    ]
    return (
        f"{keys} {were} tuned for each loss on validation, {tuning.runs} runs in all. With {shared}, "
        f"{', and '.join(changes) or 'the decisions are the same'}."
    )


def _decided(pair: Pair, decision: Decision) -> str:
    winner = _winner(pair, decision)
    if winner is None:
        return f"{pair.a} and {pair.b} cannot be distinguished"
    return f"{winner} is better than {_other(pair, winner)}"


def _winner(pair: Pair, decision: Decision) -> str | None:
    """Return the label of the loss that a decision favors; None where it favors neither."""
    return {"a_better": pair.a, "b_better": pair.b}.get(decision)


def _other(pair: Pair, label: str) -> str:
    return pair.b if pair.a == label else pair.a
