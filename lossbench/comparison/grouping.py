"""Runs to groups: who trained with what, on what, with which seeds, and at which setting. No torch."""

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from lossbench.comparison.charts import is_number
from lossbench.errors import UserError
from lossbench.records.folder import read_config, read_manifest
from lossbench.records.result import Result
from lossbench.records.table import flat, typed

# Neither what is compared nor what is tuned: how a run was had
_ASIDE = {"seed", "replicates", "retry", "metrics", "trainer.threads", "trainer.accelerator", "loss.label"}
_NO_PARAMETERS = {"loss.name", "loss.label", "loss.reduction"}

_Order = tuple[tuple[str, tuple[int, Any]], ...]
_Identity = tuple[str, _Order, _Order]  # of a group: label, loss, block


@dataclass
class Run:
    """One finished run: its config in parts, and its scores by seed."""

    result: Result
    parameters: dict[str, Any]
    loss: dict[str, Any]
    block: dict[str, Any]
    nuisance: dict[str, Any]
    scores: dict[int, dict[str, float]]
    hashes: dict[int, Any]
    command: str


@dataclass
class Group:
    """A loss with its parameters on one block of data, at one setting of everything else.

    Its data set is what the block is made of: two rates of corruption make two blocks of one data set.
    """

    label: str
    data: str
    data_set: str
    loss: str
    config: dict[str, Any]
    parameters: dict[str, Any]
    block: dict[str, Any]
    setting: dict[str, Any]
    folders: list[Path]
    scores: dict[int, dict[str, float]]  # of the seeds with a finite yardstick
    seeds: list[int]
    hashes: dict[int, Any]

    @property
    def diverged(self) -> int:
        """How many seeds have no finite yardstick."""
        return len(self.seeds) - len(self.scores)

    def values(self, metric: str, seeds: Sequence[int] | None = None) -> list[float]:
        """One score per seed."""
        chosen = sorted(self.scores) if seeds is None else seeds
        return [self.scores[seed][metric] for seed in chosen if metric in self.scores[seed]]


@dataclass
class Trials:
    """A loss on one block of data at every setting that was tried of what is neither.

    Attributes:
        settings: one group each.
        tuned: the place of the one that validation chose for this loss.
        same: the place of the one that validation chose for all losses of the block together.
    """

    settings: list[Group]
    tuned: int = 0
    same: int = 0

    @property
    def best(self) -> Group:
        """The group at the setting that was chosen for this loss."""
        return self.settings[self.tuned]

    @property
    def common(self) -> Group:
        """The group at the setting that was chosen for all losses."""
        return self.settings[self.same]


def read_runs(results: list[Result]) -> tuple[list[Run], list[str]]:
    """Each run's config, parted into loss, block and nuisance, of which what never varies is left out."""
    configs = [flat(read_config(one.folder)) for one in results]
    every = dict.fromkeys(key for config in configs for key in config)
    varied = [
        key for key in every if key not in _ASIDE and len({repr(config.get(key)) for config in configs}) > 1
    ]
    runs = []
    for one, config in zip(results, configs, strict=True):
        own = {key: config[key] for key in varied if key in config}
        manifest = read_manifest(one.folder)
        scores: dict[int, dict[str, float]] = {seed: {} for seed in one.seeds}
        for name, values in one.metrics.items():
            for seed, value in zip(one.seeds, values, strict=True):
                scores[seed] |= {} if value is None else {name: value}
        runs.append(
            Run(
                one,
                {
                    key.removeprefix("loss."): value
                    for key, value in config.items()
                    if key.startswith("loss.") and key not in _NO_PARAMETERS
                },
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
                shlex.join(["python", *map(str, manifest["command"])]) if manifest.get("command") else "",
            )
        )
    return runs, varied


def grouped(runs: list[Run], yardstick: str, higher: bool) -> list[Trials]:
    """The runs by loss and block, at every setting of the nuisance keys, and which of them validation chose.

    For each loss the setting with the best mean over the seeds. For all losses of a block the one with the
    lowest mean of its ranks among each loss's settings: ranks, so that a loss which explodes somewhere does
    not decide alone; where these are equal, the best mean over the losses. A diverged seed is the worst.

    Returns:
        By block, and of each the best loss first; one of which nothing is finite last.
    """
    keys = sorted({key for run in runs for key in run.nuisance})
    by_group: dict[_Identity, list[Run]] = {}
    for run in runs:
        identity = (run.result.label, _order(run.loss), _order(run.block))
        by_group.setdefault(identity, []).append(run)
    _check_crossed(by_group, keys)
    naming, placing = _differing(runs, "loss"), _differing(runs, "block")
    by_block: dict[_Order, list[Trials]] = {}
    for (_, _, place), members in by_group.items():
        by_setting: dict[_Order, list[Run]] = {}
        for run in members:
            by_setting.setdefault(_order(run.nuisance), []).append(run)
        groups = [_group(by_setting[one], yardstick, naming, placing) for one in sorted(by_setting)]
        by_block.setdefault(place, []).append(Trials(groups))
    validation = f"validation/{yardstick.partition('/')[2]}"
    for block in by_block.values():
        means = np.array([_means(trials, validation, higher) for trials in block])
        same = np.lexsort((means.mean(0), rankdata(means, axis=1).mean(0)))[0]
        for trials, of_loss in zip(block, means, strict=True):
            trials.tuned, trials.same = int(np.argmin(of_loss)), int(same)
    sign = -1 if higher else 1
    return sorted(
        (trials for block in by_block.values() for trials in block),
        key=lambda one: (
            _order(one.best.block),
            sign * float(np.mean(one.best.values(yardstick) or [sign * np.inf])),
        ),
    )


def _group(
    runs: list[Run], yardstick: str, naming: Mapping[str, list[str]], placing: Mapping[str, list[str]]
) -> Group:
    """The runs of one loss on one block at one setting, which add seeds."""
    counts = Counter(seed for run in runs for seed in run.scores)
    doubled = [seed for seed, count in counts.items() if count > 1]
    first = runs[0]
    if doubled:
        places = " and ".join(run.result.folder.name for run in runs if doubled[0] in run.scores)
        raise UserError(f"seed {doubled[0]} of {first.result.label} was trained more than once, in {places}")
    finite = {seed: one for run in runs for seed, one in run.scores.items() if yardstick in one}
    return Group(
        _name(first.result.label, first.loss, naming),
        _name(first.result.data, first.block, placing),
        _name(first.result.data, {k: v for k, v in first.block.items() if not is_number(v)}, placing),
        first.result.loss,
        {key: value for key, value in first.loss.items() if key != "loss.name"},
        first.parameters,
        first.block,
        first.nuisance,
        [run.result.folder for run in runs],
        finite,
        sorted(counts),
        {seed: hashes for run in runs for seed, hashes in run.hashes.items()},
    )


def _order(part: Mapping[str, Any]) -> _Order:
    """What a part of a config sorts and is told apart by: numbers by size, before texts."""
    return tuple((key, _in_order(value)) for key, value in sorted(part.items()))


def _in_order(value: Any) -> tuple[int, Any]:
    """Numbers by size, before texts."""
    return (0, value) if is_number(value) else (1, str(value))


def _check_crossed(groups: Mapping[_Identity, list[Run]], keys: list[str]) -> None:
    """Every nuisance setting was trained for each loss with the same seeds: else tuning is unfair."""
    if not keys:
        return
    settings = {
        identity: {(_order(run.nuisance), seed) for run in members for seed in run.scores}
        for identity, members in groups.items()
    }
    everything = set().union(*settings.values())
    for (label, _, _), had in settings.items():
        if had != everything:
            lacking, seed = min(everything - had)
            words = typed({key: value for key, (_, value) in lacking})
            raise UserError(
                f"{', '.join(keys)} varies, and not for every loss and seed: {label} lacks {words} with "
                f"seed {seed}; sweep it in full, or hold it fixed"
            )


def _means(trials: Trials, validation: str, higher: bool) -> list[float]:
    """Each setting's mean yardstick on validation, the lower the better; infinite where a seed diverged."""
    sign = -1 if higher else 1
    found = [[] if group.diverged else group.values(validation) for group in trials.settings]
    return [sign * float(np.mean(values)) if values else math.inf for values in found]


def _differing(runs: list[Run], part: str) -> dict[str, list[str]]:
    """Of each label, or data set, the keys in which its runs differ: what reports must tell apart."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        name = run.result.label if part == "loss" else run.result.data
        parts.setdefault(name, []).append(getattr(run, part))
    return {
        name: [
            key
            for key in dict.fromkeys(key for one in own for key in one)
            if not key.endswith(".name") and len({repr(one.get(key)) for one in own}) > 1
        ]
        for name, own in parts.items()
    }


def _name(name: str, part: Mapping[str, Any], keys: Mapping[str, list[str]]) -> str:
    """What reports call a loss, or a block of data: with the keys in which those of its name differ."""
    return f"{name} {typed({key.partition('.')[2]: part[key] for key in keys[name] if key in part})}".rstrip()
