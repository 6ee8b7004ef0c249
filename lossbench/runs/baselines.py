"""Train the baselines of a block of runs on the rows, targets and weights of these runs, and record them.

A baseline is trained once for each seed: one that is recorded for the same data, split, task, corruption and
primary metric is read.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import lossbench
from lossbench import commands
from lossbench.config.check import CheckedConfig, check
from lossbench.config.resolve import data_settings
from lossbench.config.sections import ChosenOutput
from lossbench.data.dataset import Dataset
from lossbench.data.replicates import make_splits, targets_and_weights
from lossbench.data.settings import DataSettings, TargetSettings
from lossbench.data.splits import PARTS, Split
from lossbench.errors import UserError
from lossbench.records import files
from lossbench.records.baselines import BaselineOutcome, BaselineRecord, RunBlock, missing_baselines
from lossbench.records.folder import read_config
from lossbench.records.lock import locked
from lossbench.records.result import ReplicateResult, Result
from lossbench.runs import provenance
from lossbench.runs.baseline_models import TrainingData, fit, left_out
from lossbench.runs.evaluate import Metrics


@dataclass(frozen=True)
class _Source:
    """What the baselines of a block are trained from."""

    values: Mapping[str, Any]
    checked: CheckedConfig
    settings: DataSettings
    dataset: Dataset
    metric: str

    @property
    def targets(self) -> list[TargetSettings]:
        return [TargetSettings(output.name, {}, scaling=None) for output in self.checked.outputs]

    def splits(self, seeds: Sequence[int]) -> list[Split]:
        return make_splits(self.dataset, self.settings, self.targets, seeds)

    def metrics_of(self, output: ChosenOutput) -> list[str]:
        """Return the names of all metrics of an output's task, without the prefix."""
        return output.task.metric_names("", weighted=self.dataset.weights is not None)

    def chosen_metric(self, output: ChosenOutput) -> str:
        """Return the metric for which an output's constant is the best: the primary one if it judges it."""
        plain = self.metric.removeprefix(output.prefix)
        known = self.metrics_of(output)
        return plain if plain in known and output.prefix + plain == self.metric else known[0]


def record_baselines(block: RunBlock, metric: str, store: Path) -> BaselineOutcome:
    """Train and record the baselines that a block of runs lacks.

    Args:
        block: the runs.
        metric: the primary metric, such as ``rmse``.
        store: the folder that gets a folder for each baseline.

    Raises:
        UserError: the data cannot be loaded, or it is not what the runs were trained on.
    """
    started = time.perf_counter()
    source = _source(block, metric)
    fits, failures = 0, {}
    for name in missing_baselines(block, metric):
        try:
            fits += _record(name, block, source, store)
        except Exception as error:  # a comparison never fails because of a baseline
            failures[name] = (
                str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            )
    return BaselineOutcome(fits, time.perf_counter() - started, failures)


def _source(block: RunBlock, metric: str) -> _Source:
    """Load the data of a block, as the run that knows most about its target reads it."""
    if not block.fingerprints or not block.splits:
        raise UserError("the runs do not record which data and which rows they were trained on")
    configs = list({repr(config): config for config in map(read_config, block.folders)}.values())
    known = [(check(config), config) for config in configs]

    def knowledge(each: tuple[CheckedConfig, dict[str, Any]]) -> tuple[bool, bool]:
        task = each[0].outputs[0].task
        return task.is_whole, task.is_nonnegative

    checked, values = max(known, key=knowledge)
    settings = data_settings(checked)
    source = _Source(values, checked, settings, settings.load(), metric)
    if source.dataset.fingerprint not in block.fingerprints:
        raise UserError("the data is no longer what the runs were trained on")
    return source


def _record(name: str, block: RunBlock, source: _Source, store: Path) -> int:
    """Train a baseline for the seeds that its record lacks, and return how many these are."""
    identity = _identity(name, source)
    folder = store / f"{source.settings.name}-{name}-{identity}"
    with locked(folder, wait=True):
        seeds = sorted(block.splits)
        splits = dict(zip(seeds, source.splits(seeds), strict=True))
        hashes = {seed: provenance.split_hash(split) for seed, split in splits.items()}
        other = [seed for seed in seeds if hashes[seed] != block.splits[seed]]
        if other:
            raise UserError(f"the rows of seed {other[0]} can no longer be split as the runs have them")
        earlier = BaselineRecord.read(folder)
        recorded = {} if earlier is None else earlier.splits
        kept = {seed: split for seed, split in recorded.items() if hashes.get(seed, split) == split}
        new = {seed: split for seed, split in splits.items() if seed not in kept}
        if not new:  # another process was quicker
            return 0
        with _one_thread():
            result = _train(name, source, new, folder, identity)
        if earlier is not None:
            result = _joined(earlier.result, list(kept), result)
        sizes = {part: len(getattr(splits[seeds[0]], part)) for part in PARTS}
        _write(result, source, kept | {seed: hashes[seed] for seed in new}, sizes)
    return 0 if result.status == "failed" else len(new)


def _identity(name: str, source: _Source) -> str:
    """Return a hash of what decides a baseline's numbers besides the rows of a seed."""
    settings = source.settings
    content = {
        "baseline": name,
        "versions": [lossbench.__version__, version("scikit-learn")],
        "data": source.dataset.fingerprint,
        "corruption": asdict(settings.corruption) | {"balanced": settings.balance_classes},
        "outputs": [(output.name, output.task.name) for output in source.checked.outputs],
        "metric": source.metric,
    }
    keys = {key: value for key, value in source.values["data"].items() if key not in ("batch_size", "about")}
    return hashlib.sha256(json.dumps([content, keys], sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Give scikit-learn a single thread, and silence its warnings.

    On a busy machine, its trees take twenty times as long with several threads.
    """
    import sklearn.ensemble  # noqa: F401  # loads the libraries whose threads are limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _train(name: str, source: _Source, splits: Mapping[int, Split], folder: Path, identity: str) -> Result:
    """Train a baseline for some seeds, and evaluate it by every metric on every part."""
    started = time.perf_counter()
    metrics: Metrics = {}
    directions: dict[str, bool] = {}
    reasons = []
    for index, output in enumerate(source.checked.outputs):
        target = source.dataset.target_of(output.name)
        reason = left_out(name, output.task, 1 if target.task.has_classes else target.values.shape[1])
        if reason is not None:
            reasons.append(reason)
            continue
        metrics |= _scores(name, source, index, splits)
        directions |= {
            output.prefix + plain: output.task.metric(plain).higher_is_better
            for plain in source.metrics_of(output)
        }
    return Result(
        status="completed" if metrics else "failed",
        loss=name,
        label=name,
        data=source.settings.name,
        config_id=identity,
        seeds=list(splits),
        replicates=[ReplicateResult("completed", 0, None) for _ in splits],
        metrics=metrics,
        primary_metric=source.metric,
        higher_is_better=directions,
        duration_s=round(time.perf_counter() - started, 3),
        error=None if metrics else "; ".join(dict.fromkeys(reasons)),
        baseline=True,
        folder=folder,
    )


def _scores(name: str, source: _Source, index: int, splits: Mapping[int, Split]) -> Metrics:
    """Return every metric of one output on every part, one value per seed; None where it is undefined."""
    dataset, output = source.dataset, source.checked.outputs[index]
    target, prefix = dataset.target_of(output.name), output.prefix
    values: dict[str, list[float]] = {}
    for seed, split in splits.items():
        targets, weights = targets_and_weights(dataset, target, index, [split], source.settings, [seed])
        data = TrainingData(
            dataset=dataset,
            target=target,
            task=output.task,
            metric=source.chosen_metric(output),
            split=split,
            values=targets[0] if targets.ndim > target.values.ndim else targets,
            weights=None if weights is None else weights[0],
            seed=seed,
        )
        predictor = fit(name, data)
        for part in PARTS:
            rows = getattr(split, part)
            true = target.values[rows]  # as the data has them: not corrupted
            for plain, score in data.scores(source.metrics_of(output), predictor, rows, true).items():
                values.setdefault(f"{part}/{prefix}{plain}", []).append(score)
    cells = {
        key: [score if np.isfinite(score) else None for score in of_key] for key, of_key in values.items()
    }
    return {key: of_key for key, of_key in cells.items() if set(of_key) != {None}}


def _joined(earlier: Result, kept: Sequence[int], new: Result) -> Result:
    """Return a result with the kept seeds of an earlier one and those of a new one."""
    seeds = sorted({*kept, *new.seeds})

    def cells(result: Result, name: str) -> dict[int, float | None]:
        values = result.metrics.get(name, [None] * len(result.seeds))
        return dict(zip(result.seeds, values, strict=True))

    metrics = {}
    for name in dict.fromkeys([*earlier.metrics, *new.metrics]):
        by_seed = cells(earlier, name) | cells(new, name)
        metrics[name] = [by_seed[seed] for seed in seeds]
    return replace(
        new,
        seeds=seeds,
        replicates=[ReplicateResult("completed", 0, None) for _ in seeds],
        metrics=metrics,
        duration_s=round(earlier.duration_s + new.duration_s, 3),
    )


def _write(result: Result, source: _Source, splits: Mapping[int, str], sizes: Mapping[str, int]) -> None:
    """Write the record; ``result.json`` comes last, so that a killed process leaves no incomplete record."""
    folder = result.folder
    (folder / "result.json").unlink(missing_ok=True)
    config = {"baseline": result.loss, "metrics": [source.metric], "data": source.values["data"]}
    files.write_text(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))
    hashes = {seed: {"split": split} for seed, split in sorted(splits.items())}
    manifest = provenance.manifest(source.dataset.fingerprint, hashes, "cpu", commands.current())
    files.write_json(folder / "manifest.json", manifest | {"parts": dict(sizes)})
    result.write()
