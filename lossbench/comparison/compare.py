"""Groups of runs to a comparison: each loss described, each pair decided, the verdict in words. No torch."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lossbench import registry
from lossbench.comparison import inference
from lossbench.comparison.grouping import Group, Trials, grouped, read_runs
from lossbench.errors import UserError, counted, did_you_mean
from lossbench.records.result import Result, results_in
from lossbench.records.table import typed

SCHEMA_VERSION = 1
_SAME_PAIR = ("n", "difference", "ci95", "p_value", "p_adjusted", "decision")  # at the common setting


def compare(*folders: str | Path, metric: str | None = None, reference: str | None = None) -> dict[str, Any]:
    """Compare the losses of some sweeps or runs by one yardstick.

    Args:
        folders: of sweeps or runs.
        metric: the yardstick, ``test/rmse`` or ``rmse``; by default the one that all runs monitored.
        reference: a loss's label, to which all others are compared; by default all pairs are.

    Returns:
        What ``comparison.json`` holds: numbers, texts, lists and dicts alone.

    Raises:
        UserError: there is nothing to compare, or no fair way to; the message names the key or the run.
    """
    found = [one for folder in folders for one in results_in(Path(folder))]
    finished = [one for one in found if one.status != "failed"]
    excluded = [
        {"folder": one.folder.name, "reason": f"failed: {one.error}"}
        for one in found
        if one.status == "failed"
    ]
    if not finished:
        raise UserError(f"{', '.join(map(str, folders))}: no finished run to compare")
    directions = {key: value for one in finished for key, value in one.higher_is_better.items()}
    yardstick = _yardstick(finished, directions, metric)
    higher = directions[yardstick.partition("/")[2]]
    runs, varied = read_runs(finished)
    trials = grouped(runs, yardstick, higher)
    groups = [one.best for one in trials]
    labels = [group.label for group in groups]
    if reference is not None and reference not in labels:
        near = did_you_mean(reference, labels)
        raise UserError(f"reference {reference}: no such loss here. {near}There are: {', '.join(labels)}")
    tuning = any(len(one.settings) > 1 for one in trials)
    pairs = _pairs(groups, yardstick, higher, reference)
    if tuning:
        commonly = _pairs([one.common for one in trials], yardstick, higher, reference)
        for pair, common in zip(pairs, commonly, strict=True):
            pair["same"] = {key: common[key] for key in _SAME_PAIR}
    content = {
        "schema_version": SCHEMA_VERSION,
        "metric": yardstick,
        "higher_is_better": higher,
        "reference": reference,
        "varied": varied,
        "groups": [_group(one, yardstick, tuning) for one in trials],
        "pairs": pairs,
        "matrix": _matrix(groups, directions),
        "across_data": _across(groups, yardstick, higher),
        "tuning": _tuning(trials, yardstick) if tuning else None,
        "excluded": excluded,
        "commands": list(dict.fromkeys(run.command for run in runs if run.command)),
    }
    content["verdict"] = verdict(content)
    return content


def _yardstick(results: list[Result], directions: Mapping[str, bool], metric: str | None) -> str:
    """The metric's full name."""
    if metric is None:
        monitored = {one.yardstick for one in results}
        if len(monitored) > 1:
            known = ", ".join(sorted(map(str, monitored)))
            raise UserError(
                f"these runs were decided by different yardsticks ({known}); say --metric, one for all"
            )
        metric = monitored.pop()
    name = str(metric) if str(metric).startswith(("test/", "validation/", "train/")) else f"test/{metric}"
    shared = sorted(set.intersection(*(set(one.metrics) for one in results)))
    plain = name.partition("/")[2]
    if name not in shared or plain not in directions:
        judged = [one for one in shared if one.partition("/")[2] in directions]
        near = did_you_mean(name, judged)
        raise UserError(
            f"--metric {metric}: not a metric of all these runs. {near}They have: {', '.join(judged)}"
        )
    return name


def _group(trials: Trials, yardstick: str, tuning: bool) -> dict[str, Any]:
    """A loss on one block at its own best setting, and beside it at the one that all losses share."""
    group, runs = trials.best, sum(len(one.folders) for one in trials.settings)
    described = {
        "loss": group.loss,
        "label": group.label,
        "data": group.data,
        "data_set": group.data_set,
        "config": group.config,
        "parameters": group.parameters,
        "block": group.block,
        "tuned": {**group.setting, "runs": runs} if tuning else None,
        **_describe(group, yardstick),
        "folders": [str(folder) for folder in group.folders],
        "seeds": sorted(group.scores),
        "scores": group.values(yardstick),
    }
    if tuning:
        described["same"] = {**trials.common.setting, **_describe(trials.common, yardstick)}
    return described


def _tuning(trials: list[Trials], yardstick: str) -> dict[str, Any]:
    """Every loss at every setting that was tried, on validation and on test, and what was chosen."""
    validation = f"validation/{yardstick.partition('/')[2]}"
    every = [(one, group) for one in trials for group in one.settings]
    rows = []
    for one, group in every:
        seen = _describe(group, validation)
        rows.append(
            {
                "label": group.label,
                "data": group.data,
                "setting": group.setting,
                "tuned": group is one.best,
                "same": group is one.common,
                **_describe(group, yardstick),
                "validation_mean": seen["mean"],
                "validation_mean_ci95": seen["mean_ci95"],
            }
        )
    return {
        "keys": list(dict.fromkeys(key for _, group in every for key in group.setting)),
        "runs": sum(len(group.folders) for _, group in every),
        "trials": rows,
    }


def _describe(group: Group, metric: str) -> dict[str, Any]:
    values = np.array(group.values(metric))
    mean: tuple[float | None, ...] = (None, None, None)
    median = mean
    if len(values):
        mean, median = inference.mean_interval(values), inference.median_interval(values)
    return {
        "n": len(values),
        "diverged": group.diverged,
        "mean": mean[0],
        "mean_ci95": list(mean[1:]),
        "median": median[0],
        "median_ci95": list(median[1:]),
    }


def _pairs(groups: list[Group], yardstick: str, higher: bool, reference: str | None) -> list[dict[str, Any]]:
    """Every two losses on one block, or each with the reference, decided by the sign-flip test after Holm."""
    chosen = [
        (a, b)
        for index, a in enumerate(groups)
        for b in groups[index + 1 :]
        if a.data == b.data and (reference is None or reference in (a.label, b.label))
    ]
    family = Counter(a.data for a, _ in chosen)
    pairs = [_pair(a, b, yardstick, higher, family[a.data]) for a, b in chosen]
    for data in family:
        tested = [pair for pair in pairs if pair["data"] == data and pair["p_value"] is not None]
        for pair, adjusted in zip(tested, inference.holm([pair["p_value"] for pair in tested]), strict=True):
            pair["p_adjusted"] = adjusted
            if adjusted < 0.05:
                a_is_better = (pair["difference"] > 0) == higher
                pair["decision"] = "a_better" if a_is_better else "b_better"
    return pairs


def _pair(a: Group, b: Group, yardstick: str, higher: bool, comparisons: int) -> dict[str, Any]:
    seeds = [seed for seed in sorted(a.scores) if seed in b.scores]
    unpaired = [seed for seed in seeds if _splits(a, seed) != _splits(b, seed)]
    if unpaired:
        raise UserError(
            f"{a.label} and {b.label} saw different splits at seed {unpaired[0]}, so that they cannot be "
            "paired: compare runs of the same data and data.* settings"
        )
    one, two = np.array(a.values(yardstick, seeds)), np.array(b.values(yardstick, seeds))
    pair: dict[str, Any] = {"a": a.label, "b": b.label, "data": a.data, "n": len(seeds)}
    empty = {
        "difference": None,
        "ci95": [None, None],
        "p_value": None,
        "p_wilcoxon": None,
        "p_adjusted": None,
    }
    pair |= {**empty, "probability_a_better": None, "probability_ci95": [None, None]}
    pair |= {"decision": "too_few_seeds", "seeds_needed": inference.fewest_seeds(comparisons)}
    if not seeds:
        return pair
    differences = one - two
    mean, low, high = inference.difference_interval(differences)
    share, least, most = inference.probability_better(one, two, higher)
    pair |= {"difference": mean, "ci95": [low, high]}
    pair |= {"probability_a_better": share, "probability_ci95": [least, most]}
    if len(seeds) < pair["seeds_needed"]:
        return pair
    pair |= {
        "p_value": inference.sign_flip_p(differences),
        "p_wilcoxon": inference.wilcoxon_p(differences),
        "decision": "undecided",
        "seeds_needed": inference.seeds_needed(differences, comparisons),
    }
    return pair


def _splits(group: Group, seed: int) -> Any:
    return group.hashes.get(seed, {}).get("split")


def _matrix(groups: list[Group], directions: Mapping[str, bool]) -> dict[str, Any]:
    """Each loss judged by each metric on test: the mean over seeds; marked where it was trained as that."""
    names = [
        {
            name.removeprefix("test/")
            for score in group.scores.values()
            for name in score
            if name.startswith("test/")
        }
        for group in groups
    ]
    shared = set.intersection(*names) if names else set()
    metrics = sorted(shared & set(directions))
    rows = [
        {
            "label": group.label,
            "data": group.data,
            "values": [float(np.mean(group.values(f"test/{name}"))) for name in metrics],
            "same": [name == _trained_as(group.loss) for name in metrics],
        }
        for group in groups
    ]
    return {"metrics": metrics, "higher_is_better": [directions[name] for name in metrics], "rows": rows}


def _trained_as(loss: str) -> str | None:
    """The metric that is a loss's mean, or its root; a record may name a loss that is not ours."""
    return registry.about("loss", loss).get("metric") if loss in registry.losses() else None


def _across(groups: list[Group], yardstick: str, higher: bool) -> dict[str, Any] | None:
    """Over several data sets, where each loss was trained on each: Friedman, pairs, ranks.

    Each data set counts once, whatever the rates at which it was corrupted: as the mean over them.
    """
    labels = list(dict.fromkeys(group.label for group in groups))
    means: dict[str, dict[str, list[float]]] = {}
    for group in groups:
        values = group.values(yardstick)
        means.setdefault(group.data_set, {}).setdefault(group.label, []).append(
            float(np.mean(values)) if values else math.nan
        )
    if len(means) < 2 or len(labels) < 2 or any(len(of_one) < len(labels) for of_one in means.values()):
        return None
    table = np.array([[np.mean(of_one[label]) for label in labels] for of_one in means.values()])
    return inference.across(table, labels, higher) if np.isfinite(table).all() else None


def verdict(content: Mapping[str, Any]) -> str:
    """The comparison in words: who wins, by how much, how sure, what to do next."""
    name = content["metric"].partition("/")[2]
    sentences = []
    for data in dict.fromkeys(group["data"] for group in content["groups"]):
        own = [group for group in content["groups"] if group["data"] == data and group["mean"] is not None]
        sentences.append(_sentence(data, own, [p for p in content["pairs"] if p["data"] == data], name))
    failed = len(content["excluded"])
    diverged = sum(group["diverged"] for group in content["groups"])
    lost = [f"{counted(failed, 'run')} failed"] if failed else []
    lost += [f"{counted(diverged, 'seed')} diverged"] if diverged else []
    if lost:
        sentences.append(f"{' and '.join(lost)}: listed, and not counted.")
    if content["tuning"]:
        sentences.append(_instead(content))
    if len({group["data_set"] for group in content["groups"]}) == 1:
        sentences.append("Each seed splits the same data anew, so this speaks of this data set alone.")
    return " ".join(sentences)


def _instead(content: Mapping[str, Any]) -> str:
    """What tuning cost, and whether it decides: what one setting for all losses would have said."""
    keys, runs = " and ".join(content["tuning"]["keys"]), content["tuning"]["runs"]
    were = "were" if len(content["tuning"]["keys"]) > 1 else "was"
    settings = {typed(one["setting"]) for one in content["tuning"]["trials"] if one["same"]}
    words = f"{settings.pop()} for all" if len(settings) == 1 else f"one {keys} for all losses of a data set"
    changed = [pair for pair in content["pairs"] if pair["same"]["decision"] != pair["decision"]]
    several = len({group["data"] for group in content["groups"]}) > 1
    told = [
        (f"on {pair['data']} " if several else "") + _decided(pair, pair["same"]["decision"])
        for pair in changed
    ]
    return (
        f"{keys} {were} tuned for each loss on validation, {runs} runs in all. With {words}, "
        + (", and ".join(told) if told else "the decisions are the same")
        + "."
    )


def _decided(pair: Mapping[str, Any], decision: str) -> str:
    winner = {"a_better": "a", "b_better": "b"}.get(decision)
    if winner is None:
        return f"{pair['a']} and {pair['b']} cannot be told apart"
    return f"{pair[winner]} is better than {pair['b' if winner == 'a' else 'a']}"


def _sentence(data: str, groups: list[dict[str, Any]], pairs: list[dict[str, Any]], name: str) -> str:
    if not groups:
        return f"On {data} nothing finished."
    best = groups[0]  # as they are sorted
    if len(groups) == 1:
        return f"On {data} there is {best['label']} alone, {name} {best['mean']:.4g}: nothing to compare."
    others = [group["label"] for group in groups if group is not best]
    own = [pair for pair in pairs if {best["label"]} < {pair["a"], pair["b"]} <= {best["label"], *others}]
    if any(pair["decision"] == "too_few_seeds" for pair in own):
        needed, had = max(pair["seeds_needed"] for pair in own), min(pair["n"] for pair in own)
        return (
            f"On {data} {best['label']} has the best {name}, {best['mean']:.4g}, and {counted(had, 'seed')} "
            f"cannot decide anything: take at least {needed} (replicates={needed})."
        )
    beaten = [
        pair["b"] if pair["a"] == best["label"] else pair["a"]
        for pair in own
        if pair["decision"] == ("a_better" if pair["a"] == best["label"] else "b_better")
    ]
    if len(beaten) == len(others):
        return f"On {data} {best['label']} is better than all others: {name} {best['mean']:.4g}."
    open_ = [label for label in others if label not in beaten]
    needed_by = [
        pair["seeds_needed"] for pair in own if pair["decision"] == "undecided" and pair["seeds_needed"]
    ]
    more = f"; about {max(needed_by)} seeds would tell" if needed_by else ""
    won = f"is better than {', '.join(beaten)}, and " if beaten else "has the best mean, and "
    return (
        f"On {data} {best['label']} ({name} {best['mean']:.4g}) {won}cannot be told from {', '.join(open_)} "
        f"with {min(pair['n'] for pair in own)} seeds{more}."
    )
