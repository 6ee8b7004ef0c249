"""The records of baselines, which lie beside the jobs of a sweep, and the blocks of runs that they belong to.

This module imports no torch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossbench.records.folder import read_config, read_manifest
from lossbench.records.result import Result
from lossbench.records.table import flat

FOLDER = "baselines"
CONSTANT, LINEAR, BOOSTING = NAMES = ("constant", "linear", "boosting")


@dataclass(frozen=True)
class RunBlock:
    """The runs that a comparison compares on one block of data.

    Attributes:
        folders: the folders of the runs.
        data_keys: the ``data.*`` keys of their configs, which they share.
        fingerprints: the fingerprints of their data; two losses can read one column as different tasks.
        splits: the hash of the split of each seed.
    """

    folders: tuple[Path, ...]
    data_keys: Mapping[str, Any]
    fingerprints: frozenset[str]
    splits: Mapping[int, str]


@dataclass(frozen=True)
class BaselineRecord:
    """The record of a baseline on one block of data.

    Attributes:
        result: the scores, one for each seed; it failed with a reason where the data has no such baseline.
        data_keys: the ``data.*`` keys of the runs that it belongs to.
        fingerprint: the fingerprint of the data.
        splits: the hash of the split of each seed.
        sizes: the number of rows of each part.
    """

    result: Result
    data_keys: Mapping[str, Any]
    fingerprint: str
    splits: Mapping[int, str]
    sizes: Mapping[str, int]

    @classmethod
    def read(cls, folder: Path) -> "BaselineRecord | None":
        """Return the record in a folder, or None if there is none."""
        result, manifest = Result.read(folder), read_manifest(folder)
        if result is None or not result.baseline or "parts" not in manifest:
            return None
        return cls(
            result=result,
            data_keys=_data_keys(read_config(folder)),
            fingerprint=str(manifest.get("data_fingerprint")),
            splits=_splits(manifest),
            sizes=manifest["parts"],
        )

    def belongs_to(self, block: RunBlock, metric: str) -> bool:
        """Return whether it was trained for runs of this block and for this primary metric."""
        return (
            self.result.primary_metric == metric
            and self.data_keys == block.data_keys
            and self.fingerprint in block.fingerprints
        )

    def scores(self, block: RunBlock) -> dict[int, dict[str, float | None]]:
        """Return every metric by seed, for the seeds whose split is that of the runs."""
        return {
            seed: {name: values[index] for name, values in self.result.metrics.items()}
            for index, seed in enumerate(self.result.seeds)
            if seed in self.splits and block.splits.get(seed) == self.splits[seed]
        }


@dataclass(frozen=True)
class BaselineOutcome:
    """What the training of a block's baselines took.

    Attributes:
        fits: the number of baselines times seeds that were trained now.
        duration_s: the time that they took, in seconds.
        failures: why baselines failed, by their names.
    """

    fits: int = 0
    duration_s: float = 0.0
    failures: Mapping[str, str] = field(default_factory=dict)


def read_block(folders: Sequence[Path]) -> RunBlock:
    """Return what the runs of one block of data share."""
    manifests = [read_manifest(folder) for folder in folders]
    return RunBlock(
        folders=tuple(folders),
        data_keys=_data_keys(read_config(folders[0])),
        fingerprints=frozenset(
            str(manifest["data_fingerprint"]) for manifest in manifests if "data_fingerprint" in manifest
        ),
        splits={seed: split for manifest in manifests for seed, split in _splits(manifest).items()},
    )


def read_baselines(runs: Iterable[Path]) -> list[BaselineRecord]:
    """Return the baselines beside runs, or in the folder of a run that is in no sweep."""
    stores = dict.fromkeys(store for run in runs for store in (run.parent / FOLDER, run / FOLDER))
    paths = [path.parent for store in stores for path in sorted(store.glob("*/result.json"))]
    records = [BaselineRecord.read(path) for path in paths]
    return [record for record in records if record is not None]


def missing_baselines(block: RunBlock, metric: str) -> list[str]:
    """Return the names of the baselines that are not recorded for every seed of a block."""
    recorded: dict[str, set[int]] = {name: set() for name in NAMES}
    for record in read_baselines(block.folders):
        if record.belongs_to(block, metric):
            recorded[record.result.loss] |= record.scores(block).keys()
    return [name for name, seeds in recorded.items() if not block.splits or not block.splits.keys() <= seeds]


def _data_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that make a block; the batch size is a setting of the training."""
    keys = flat(config)
    return {key: value for key, value in keys.items() if key.startswith("data.") and key != "data.batch_size"}


def _splits(manifest: Mapping[str, Any]) -> dict[int, str]:
    seeds = manifest.get("seeds", {})
    return {int(seed): str(hashes["split"]) for seed, hashes in seeds.items() if "split" in hashes}
