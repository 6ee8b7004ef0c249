"""Runs to a comparison: who trained with what, on what, with which seeds, and who is left out. No torch."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lossbench.comparison import statistics
from lossbench.errors import UserError, did_you_mean
from lossbench.records import Result, read_config, read_results
from lossbench.sweeps import flat

SCHEMA_VERSION = 1
# Neither what is compared nor what is tuned: how a run was had
_ASIDE = {"seed", "replicates", "retry", "metrics", "trainer.threads", "trainer.accelerator", "loss.label"}
_TRAINED_AS = {  # losses whose mean some metric is, or is the root of
    "mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "cosine_similarity": "cosine",
    "kl_divergence": "kl",
}


@dataclass
class Run:
    """One finished run: its config in parts, and its scores by seed."""

    result: Result
    loss: dict[str, Any]
    block: dict[str, Any]
    nuisance: dict[str, Any]
    scores: dict[int, dict[str, float]]
    hashes: dict[int, Any]


@dataclass
class Group:
    """A loss with its parameters on one block of data, at one setting of everything else."""

    label: str
    data: str
    loss: str
    config: dict[str, Any]
    tuned: dict[str, Any] | None
    scores: dict[int, dict[str, float]]
    diverged: int
    hashes: dict[int, Any] = field(default_factory=dict)
    place: list[Any] = field(default_factory=list)

    def values(self, metric: str, seeds: Sequence[int] | None = None) -> list[float]:
        """One score per seed."""
        chosen = sorted(self.scores) if seeds is None else seeds
        return [self.scores[seed][metric] for seed in chosen if metric in self.scores[seed]]


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
    found = [one for folder in folders for one in _results(Path(folder))]
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
    runs, varied = _runs(finished)
    groups = _groups(runs, yardstick, higher)
    labels = [group.label for group in groups]
    if reference is not None and reference not in labels:
        near = did_you_mean(reference, labels)
        raise UserError(f"reference {reference}: no such loss here. {near}There are: {', '.join(labels)}")
    shown = [_describe(group, yardstick) for group in groups]
    pairs = _pairs(groups, yardstick, higher, reference)
    content = {
        "schema_version": SCHEMA_VERSION,
        "metric": yardstick,
        "higher_is_better": higher,
        "reference": reference,
        "varied": varied,
        "groups": shown,
        "pairs": pairs,
        "matrix": _matrix(groups, directions),
        "across_data": _across(groups, yardstick, higher),
        "excluded": excluded,
    }
    content["verdict"] = verdict(content)
    return content


def _results(folder: Path) -> list[Result]:
    alone = Result.read(folder)
    found = read_results(folder) if alone is None else [alone]
    if not found:
        raise UserError(f"{folder}: no results in it; a run or a sweep leaves a folder with result.json")
    return found


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


def _runs(results: list[Result]) -> tuple[list[Run], list[str]]:
    """Each run's config, parted into loss, block and nuisance, of which what never varies is left out."""
    configs = [flat(read_config(one.folder)) for one in results]
    every = dict.fromkeys(key for config in configs for key in config)
    varied = [
        key for key in every if key not in _ASIDE and len({repr(config.get(key)) for config in configs}) > 1
    ]
    runs = []
    for one, config in zip(results, configs, strict=True):
        own = {key: config[key] for key in varied if key in config}
        manifest = _manifest(one.folder)
        scores: dict[int, dict[str, float]] = {seed: {} for seed in one.seeds}
        for name, values in one.metrics.items():
            for seed, value in zip(one.seeds, values, strict=True):
                scores[seed] |= {} if value is None else {name: value}
        runs.append(
            Run(
                one,
                {key: value for key, value in own.items() if key.startswith("loss.")},
                {
                    key: value
                    for key, value in own.items()
                    if key.startswith("data.") and key != "data.batch_size"
                },
                {
                    key: value
                    for key, value in own.items()
                    if not key.startswith(("loss.", "data.")) or key == "data.batch_size"
                },
                scores,
                {int(seed): hashes for seed, hashes in manifest.get("seeds", {}).items()},
            )
        )
    return runs, varied


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "manifest.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _key(part: Mapping[str, Any]) -> str:
    return json.dumps(part, sort_keys=True, default=str)


def _groups(runs: list[Run], yardstick: str, higher: bool) -> list[Group]:
    """The runs by loss and block, each at the setting of the nuisance keys that validation chose."""
    by_group: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        identity = (run.result.label, _key(run.loss), _key(run.block))
        by_group.setdefault(identity, []).append(run)
    tuned_over = sorted({key for run in runs for key in run.nuisance})
    _check_crossed(by_group, tuned_over)
    groups = []
    for members in by_group.values():
        by_setting: dict[str, list[Run]] = {}
        for run in members:
            by_setting.setdefault(_key(run.nuisance), []).append(run)
        chosen = _best(by_setting, yardstick.replace("test/", "validation/", 1), higher)
        kept = by_setting[chosen]
        scores = {seed: score for run in kept for seed, score in run.scores.items()}
        counts = Counter(seed for run in kept for seed in run.scores)
        doubled = [seed for seed, count in counts.items() if count > 1]
        if doubled:
            places = " and ".join(run.result.folder.name for run in kept if doubled[0] in run.scores)
            raise UserError(
                f"seed {doubled[0]} of {kept[0].result.label} was trained more than once, in {places}"
            )
        first = kept[0]
        finite = {seed: score for seed, score in scores.items() if yardstick in score}
        groups.append(
            Group(
                _label(first, runs),
                _block_label(first, runs),
                first.result.loss,
                {key: value for key, value in first.loss.items() if key != "loss.name"},
                {**first.nuisance, "runs": len(members)} if tuned_over else None,
                finite,
                len(scores) - len(finite),
                {seed: hashes for run in kept for seed, hashes in run.hashes.items()},
                [(key, _in_order(value)) for key, value in sorted(first.block.items())],
            )
        )
    sign = -1 if higher else 1
    # by data, and of each the best first; a loss of which nothing is finite comes last
    return sorted(
        groups, key=lambda one: (one.place, sign * float(np.mean(one.values(yardstick) or [sign * np.inf])))
    )


def _in_order(value: Any) -> tuple[int, Any]:
    """Numbers by size, before texts."""
    number = isinstance(value, int | float)
    return (0, value) if number else (1, str(value))


def _check_crossed(groups: Mapping[tuple[str, str, str], list[Run]], keys: list[str]) -> None:
    """Every nuisance setting was trained for each loss with the same seeds: else tuning is unfair."""
    if not keys:
        return
    settings = {
        identity: {(_key(run.nuisance), seed) for run in members for seed in run.scores}
        for identity, members in groups.items()
    }
    everything = set().union(*settings.values())
    for (label, _, _), had in settings.items():
        if had != everything:
            lacking, seed = sorted(everything - had)[0]
            raise UserError(
                f"{', '.join(keys)} varies, and not for every loss and seed: {label} lacks {lacking} with "
                f"seed {seed}; sweep it in full, or hold it fixed"
            )


def _best(by_setting: Mapping[str, list[Run]], validation: str, higher: bool) -> str:
    """The setting with the best mean on validation over all seeds; a diverged one counts as the worst."""

    def mean(runs: list[Run]) -> float:
        worst = -math.inf if higher else math.inf
        every = [score.get(validation, worst) for run in runs for score in run.scores.values()]
        return float(np.mean(every)) * (-1 if higher else 1)

    return min(by_setting, key=lambda setting: mean(by_setting[setting]))


def _label(run: Run, runs: list[Run]) -> str:
    """What reports call a loss: its label, and the parameters in which those of its name differ."""
    peers = [other.loss for other in runs if other.result.label == run.result.label]
    keys = [key for key in run.loss if key != "loss.name" and len({repr(one.get(key)) for one in peers}) > 1]
    return " ".join([run.result.label, *(f"{key.removeprefix('loss.')}={run.loss[key]}" for key in keys)])


def _block_label(run: Run, runs: list[Run]) -> str:
    peers = [other.block for other in runs if other.result.data == run.result.data]
    keys = [key for key in run.block if key != "data.name" and len({repr(one.get(key)) for one in peers}) > 1]
    return " ".join([run.result.data, *(f"{key.removeprefix('data.')}={run.block[key]}" for key in keys)])


def _describe(group: Group, yardstick: str) -> dict[str, Any]:
    seeds = sorted(group.scores)
    values = np.array(group.values(yardstick))
    mean: tuple[float | None, ...] = (None, None, None)
    median = mean
    if len(values):
        mean, median = statistics.mean_interval(values), statistics.median_interval(values)
    return {
        "loss": group.loss,
        "label": group.label,
        "data": group.data,
        "config": group.config,
        "tuned": group.tuned,
        "n": len(values),
        "diverged": group.diverged,
        "mean": mean[0],
        "mean_ci95": list(mean[1:]),
        "median": median[0],
        "median_ci95": list(median[1:]),
        "seeds": seeds,
        "scores": values.tolist(),
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
        for pair, adjusted in zip(tested, statistics.holm([pair["p_value"] for pair in tested]), strict=True):
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
    pair |= {"decision": "too_few_seeds", "seeds_needed": statistics.fewest_seeds(comparisons)}
    if not seeds:
        return pair
    differences = one - two
    mean, low, high = statistics.difference_interval(differences)
    share, least, most = statistics.probability_better(one, two, higher)
    pair |= {"difference": mean, "ci95": [low, high]}
    pair |= {"probability_a_better": share, "probability_ci95": [least, most]}
    if len(seeds) < pair["seeds_needed"]:
        return pair
    pair |= {
        "p_value": statistics.sign_flip_p(differences),
        "p_wilcoxon": statistics.wilcoxon_p(differences),
        "decision": "undecided",
        "seeds_needed": statistics.seeds_needed(differences, comparisons),
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
            "same": [_TRAINED_AS.get(group.loss) == name for name in metrics],
        }
        for group in groups
    ]
    return {"metrics": metrics, "higher_is_better": [directions[name] for name in metrics], "rows": rows}


def _across(groups: list[Group], yardstick: str, higher: bool) -> dict[str, Any] | None:
    """Over several data sets, where each loss was trained on each: Friedman, pairs, ranks."""
    data = list(dict.fromkeys(group.data for group in groups))
    labels = list(dict.fromkeys(group.label for group in groups))
    means = {
        (group.data, group.label): float(np.mean(group.values(yardstick) or [math.nan])) for group in groups
    }
    if len(data) < 2 or len(labels) < 2 or len(means) < len(data) * len(labels):
        return None
    table = np.array([[means[place, label] for label in labels] for place in data])
    if not np.isfinite(table).all():
        return None
    return statistics.across(-table if higher else table, labels)


def verdict(content: Mapping[str, Any]) -> str:
    """The comparison in words: who wins, by how much, how sure, what to do next."""
    name = content["metric"].partition("/")[2]
    sentences = []
    for data in dict.fromkeys(group["data"] for group in content["groups"]):
        own = [group for group in content["groups"] if group["data"] == data and group["mean"] is not None]
        sentences.append(
            _sentence(data, own, [p for p in content["pairs"] if p["data"] == data], content, name)
        )
    failed = len(content["excluded"])
    diverged = sum(group["diverged"] for group in content["groups"])
    if failed or diverged:
        sentences.append(f"{failed} runs failed and {diverged} seeds diverged: listed, and not counted.")
    if len({group["data"] for group in content["groups"]}) == 1:
        sentences.append("Each seed splits the same data anew, so this speaks of this data set alone.")
    return " ".join(sentences)


def _sentence(
    data: str,
    groups: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    content: Mapping[str, Any],
    name: str,
) -> str:
    if not groups:
        return f"On {data} nothing finished."
    best = (max if content["higher_is_better"] else min)(groups, key=lambda group: group["mean"])
    if len(groups) == 1:
        return f"On {data} there is {best['label']} alone, {name} {best['mean']:.4g}: nothing to compare."
    own = [pair for pair in pairs if best["label"] in (pair["a"], pair["b"])]
    if any(pair["decision"] == "too_few_seeds" for pair in own):
        needed, had = max(pair["seeds_needed"] for pair in own), min(pair["n"] for pair in own)
        return (
            f"On {data} {best['label']} has the best {name}, {best['mean']:.4g}, and {had} seeds cannot "
            f"decide anything: take at least {needed} (replicates={needed})."
        )
    beaten = [
        pair["b"] if pair["a"] == best["label"] else pair["a"]
        for pair in own
        if pair["decision"] == ("a_better" if pair["a"] == best["label"] else "b_better")
    ]
    others = [group["label"] for group in groups if group is not best]
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
