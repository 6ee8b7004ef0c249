"""Group runs by loss, block of data and setting, and choose the settings on validation.

The keys that vary between the runs fall into three parts: those of the loss, those of the data, which make
blocks, and all others, which make settings. This module imports no torch.
"""

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from scipy.stats import rankdata

from lossbench.errors import UserError
from lossbench.records.folder import read_config, read_manifest
from lossbench.records.result import Result
from lossbench.records.table import flat, typed

# Keys that make neither a loss nor a block nor a setting: they say how often and where a run was made
_IGNORED = {
    *("seed", "replicates", "retry", "baselines", "metrics"),
    *("trainer.threads", "trainer.accelerator", "loss.label"),
}
_NO_PARAMETERS = {"loss.name", "loss.label", "loss.reduction"}

_Order = tuple[tuple[str, tuple[int, Any]], ...]
_Identity = tuple[str, _Order, _Order]  # label, loss, block


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        result: its record.
        parameters: all parameters of its loss.
        loss: the keys of the loss that vary.
        block: the keys of the data that vary.
        setting: the other keys that vary.
        scores: every metric, by seed; without those that are not finite.
        hashes: the recorded hashes, by seed.
        converged: whether each seed converged, by seed; without those for which that is not recorded.
        command: the command that started it, as it can be pasted; empty where it is not recorded.
    """

    result: Result
    parameters: dict[str, Any]
    loss: dict[str, Any]
    block: dict[str, Any]
    setting: dict[str, Any]
    scores: dict[int, dict[str, float]]
    hashes: dict[int, Any]
    converged: dict[int, bool]
    command: str


@dataclass(frozen=True)
class RunGroup:
    """The runs of a loss with its parameters on one block of data at one setting.

    The data set is what the block is made of: two rates of corruption make two blocks of one data set.
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
    scores: dict[int, dict[str, float]]  # of the seeds at which the primary metric is finite
    seeds: list[int]
    hashes: dict[int, Any]
    converged: dict[int, bool]

    @property
    def diverged(self) -> int:
        """The number of seeds at which the primary metric is not finite."""
        return len(self.seeds) - len(self.scores)

    @property
    def not_converged(self) -> int | None:
        """The number of seeds that did not converge; None where that is recorded of no seed."""
        return sum(not converged for converged in self.converged.values()) if self.converged else None

    def values(self, metric: str, seeds: Sequence[int] | None = None) -> list[float]:
        """Return the scores by one metric, one for each seed that has it."""
        chosen = sorted(self.scores) if seeds is None else seeds
        return [self.scores[seed][metric] for seed in chosen if metric in self.scores[seed]]


@dataclass(frozen=True)
class TriedSettings:
    """A loss on one block of data at every setting that was tried.

    Attributes:
        groups: one for each setting.
        tuned: the index of the group that validation chose for this loss.
        same: the index of the group that validation chose for all losses of the block together.
    """

    groups: list[RunGroup]
    tuned: int
    same: int

    @property
    def best(self) -> RunGroup:
        """The group at the setting that was chosen for this loss."""
        return self.groups[self.tuned]

    @property
    def shared(self) -> RunGroup:
        """The group at the setting that was chosen for all losses."""
        return self.groups[self.same]


def read_runs(results: list[Result]) -> tuple[list[Run], list[str]]:
    """Read what a comparison needs of each run.

    Returns:
        The runs, and the config keys that vary between them.
    """
    configs = [flat(read_config(result.folder)) for result in results]
    keys = dict.fromkeys(key for config in configs for key in config)
    varied = [
        key for key in keys if key not in _IGNORED and len({repr(config.get(key)) for config in configs}) > 1
    ]
    runs = [_run(result, config, varied) for result, config in zip(results, configs, strict=True)]
    return runs, varied


def _run(result: Result, config: Mapping[str, Any], varied: Sequence[str]) -> Run:
    manifest = read_manifest(result.folder)
    scores: dict[int, dict[str, float]] = {seed: {} for seed in result.seeds}
    for name, values in result.metrics.items():
        for seed, value in zip(result.seeds, values, strict=True):
            scores[seed] |= {} if value is None else {name: value}
    parts: dict[str, dict[str, Any]] = {"loss": {}, "block": {}, "setting": {}}
    for key in varied:
        if key in config:
            parts[_part(key)][key] = config[key]
    return Run(
        result=result,
        parameters={
            key.removeprefix("loss."): value
            for key, value in config.items()
            if key.startswith("loss.") and key not in _NO_PARAMETERS
        },
        scores=scores,
        hashes={int(seed): hashes for seed, hashes in manifest.get("seeds", {}).items()},
        converged={
            seed: replicate.converged
            for seed, replicate in zip(result.seeds, result.replicates, strict=True)
            if replicate.converged is not None
        },
        command=shell_command(manifest.get("command") or []),
        **parts,
    )


def _part(key: str) -> str:
    """Return which part of a run's identity a config key belongs to."""
    if key.startswith("loss."):
        return "loss"
    return "block" if key.startswith("data.") and key != "data.batch_size" else "setting"


def shell_command(words: Sequence[Any]) -> str:
    """Return the command that a manifest records as a line for the shell.

    Manifests hold the words as they are typed. Older ones hold ``sys.argv``: the path of a script without the
    Python that ran it, or the path of the installed command without its ``train``.

    >>> shell_command(["python", "train.py", "loss=mse"]), shell_command(["train.py", "loss=mse"])
    ('python train.py loss=mse', 'python train.py loss=mse')
    >>> shell_command(["lossbench", "train", "loss=mse"]), shell_command(["/usr/bin/lossbench", "loss=mse"])
    ('lossbench train loss=mse', 'lossbench train loss=mse')
    """
    line = [str(word) for word in words]
    program = PureWindowsPath(line[0]).name if line else ""  # which knows both kinds of slashes
    if program.endswith(".py"):
        line = ["python", *line]
    elif program.removesuffix(".exe") == "lossbench" and program != line[0]:
        line = ["lossbench", *([] if line[1:2] == ["train"] else ["train"]), *line[1:]]
    return shlex.join(line)


def grouped(runs: list[Run], metric: str, higher_is_better: bool) -> list[TriedSettings]:
    """Group the runs by loss and block, and choose the settings on validation.

    For each loss, the setting with the best mean over the seeds is chosen. For all losses of a block
    together, the settings of each loss are ranked, and the setting with the lowest mean rank is chosen. Ranks
    ensure that a loss that diverges at a setting does not decide alone. If mean ranks are equal, the best
    mean over the losses decides. A setting at which a seed diverged is the worst.

    Returns:
        The losses block by block, the best loss of a block first; losses without a finite score last.
    """
    keys = sorted({key for run in runs for key in run.setting})
    by_identity: dict[_Identity, list[Run]] = {}
    for run in runs:
        identity = (run.result.label, _order(run.loss), _order(run.block))
        by_identity.setdefault(identity, []).append(run)
    _check_crossed(by_identity, keys)
    loss_keys = _differing((run.result.label, run.loss) for run in runs)
    block_keys = _differing((run.result.data, run.block) for run in runs)
    by_block: dict[_Order, list[list[RunGroup]]] = {}
    for (_, _, block), members in by_identity.items():
        by_setting: dict[_Order, list[Run]] = {}
        for run in members:
            by_setting.setdefault(_order(run.setting), []).append(run)
        groups = [_group(by_setting[key], metric, loss_keys, block_keys) for key in sorted(by_setting)]
        by_block.setdefault(block, []).append(groups)
    tried = [
        loss for losses in by_block.values() for loss in _choose_settings(losses, metric, higher_is_better)
    ]
    sign = -1 if higher_is_better else 1

    def order(loss: TriedSettings) -> tuple[_Order, float]:
        mean = float(np.mean(loss.best.values(metric) or [sign * np.inf]))
        return _order(loss.best.block), sign * mean

    return sorted(tried, key=order)


def _choose_settings(
    losses: list[list[RunGroup]], metric: str, higher_is_better: bool
) -> list[TriedSettings]:
    """Choose the settings of one block: for each loss one, and one for all of them."""
    validation = f"validation/{metric.partition('/')[2]}"
    means = np.array([_costs(groups, validation, higher_is_better) for groups in losses])
    same = int(np.lexsort((means.mean(0), rankdata(means, axis=1).mean(0)))[0])
    return [
        TriedSettings(groups, int(np.argmin(of_loss)), same)
        for groups, of_loss in zip(losses, means, strict=True)
    ]


def _group(
    runs: list[Run], metric: str, loss_keys: Mapping[str, list[str]], block_keys: Mapping[str, list[str]]
) -> RunGroup:
    """Put together the runs of one loss on one block at one setting: each adds seeds."""
    counts = Counter(seed for run in runs for seed in run.scores)
    repeated = [seed for seed, count in counts.items() if count > 1]
    first = runs[0]
    if repeated:
        folders = " and ".join(run.result.folder.name for run in runs if repeated[0] in run.scores)
        raise UserError(
            f"seed {repeated[0]} of {first.result.label} was trained more than once, in {folders}"
        )
    texts = {key: value for key, value in first.block.items() if not is_number(value)}
    return RunGroup(
        label=_name(first.result.label, first.loss, loss_keys),
        data=_name(first.result.data, first.block, block_keys),
        data_set=_name(first.result.data, texts, block_keys),
        loss=first.result.loss,
        config={key: value for key, value in first.loss.items() if key != "loss.name"},
        parameters=first.parameters,
        block=first.block,
        setting=first.setting,
        folders=[run.result.folder for run in runs],
        scores={seed: scores for run in runs for seed, scores in run.scores.items() if metric in scores},
        seeds=sorted(counts),
        hashes={seed: hashes for run in runs for seed, hashes in run.hashes.items()},
        converged={seed: converged for run in runs for seed, converged in run.converged.items()},
    )


def is_number(value: Any) -> bool:
    """Return whether a value of a config is a number; true and false are not.

    >>> is_number(0.1), is_number(True), is_number("0.1")
    (True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def _order(part: Mapping[str, Any]) -> _Order:
    """Return a key that sorts and identifies parts of configs: numbers come before texts, by size."""
    return tuple(
        (key, (0, value) if is_number(value) else (1, str(value))) for key, value in sorted(part.items())
    )


def _check_crossed(runs: Mapping[_Identity, list[Run]], keys: list[str]) -> None:
    """Raise an error if not every loss was trained at every setting with the same seeds: that is unfair."""
    if not keys:
        return
    trained = {
        identity: {(_order(run.setting), seed) for run in members for seed in run.scores}
        for identity, members in runs.items()
    }
    everything = set().union(*trained.values())
    for (label, _, _), of_loss in trained.items():
        if of_loss != everything:
            setting, seed = min(everything - of_loss)
            words = typed({key: value for key, (_, value) in setting})
            vary = "vary" if len(keys) > 1 else "varies"
            raise UserError(
                f"{', '.join(keys)} {vary}, but not for every loss and seed: {label} lacks {words} with "
                f"seed {seed}; run every combination, or keep the setting constant"
            )


def _costs(groups: list[RunGroup], validation: str, higher_is_better: bool) -> list[float]:
    """Return each setting's mean on validation, lower is better; infinite where a seed diverged."""
    sign = -1 if higher_is_better else 1
    values = [[] if group.diverged else group.values(validation) for group in groups]
    return [sign * float(np.mean(scores)) if scores else math.inf for scores in values]


def _differing(named: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, list[str]]:
    """Return for each name the keys in which the parts of that name differ, which reports must show."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for name, part in named:
        parts.setdefault(name, []).append(part)
    return {
        name: [
            key
            for key in dict.fromkeys(key for content in contents for key in content)
            if not key.endswith(".name") and len({repr(content.get(key)) for content in contents}) > 1
        ]
        for name, contents in parts.items()
    }


def _name(name: str, part: Mapping[str, Any], keys: Mapping[str, list[str]]) -> str:
    """Return the name of a loss or block in reports, with the keys that distinguish it from its namesakes."""
    return f"{name} {typed({key.partition('.')[2]: part[key] for key in keys[name] if key in part})}".rstrip()
