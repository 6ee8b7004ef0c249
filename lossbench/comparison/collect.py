"""Runs to groups: who trained with what, on what, with which seeds, and at which setting. No torch."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lossbench.errors import UserError
from lossbench.records import Result, read_config, read_manifest
from lossbench.sweeps import flat

# Neither what is compared nor what is tuned: how a run was had
_ASIDE = {"seed", "replicates", "retry", "metrics", "trainer.threads", "trainer.accelerator", "loss.label"}


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


def _key(part: Mapping[str, Any]) -> str:
    return json.dumps(part, sort_keys=True, default=str)


def grouped(runs: list[Run], yardstick: str, higher: bool) -> list[Group]:
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
