"""Train a recorded run again, and compare every recorded value."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.config.compose import config_id
from lossbench.config.outputs import ALL_METRICS
from lossbench.errors import UserError
from lossbench.records.folder import read_config, read_manifest
from lossbench.records.result import Result
from lossbench.runs.job import run_job

# The largest relative difference that rounding explains, by the precision of the training
_ROUNDING = {"64": 1e-9, "32": 1e-4, "bf": 1e-1}
_MACHINE = ("threads", "cpu_capability", "accelerator", "python", "platform")


@dataclass(frozen=True)
class Verdict:
    """The outcome of a rerun.

    Attributes:
        word: ``identical``, ``within rounding`` or ``different``.
        largest: the largest relative difference of any value.
        first: the first value that differs, in words; empty if none does.
        changed: what has changed: versions, code, data, threads, machine, seeds, or the config itself.
    """

    word: str
    largest: float
    first: str
    changed: list[str]


def reproduce(folder: Path) -> Verdict:
    """Train a run folder's config again, in a temporary folder, and compare every recorded value.

    Raises:
        UserError: the folder holds no finished run; or its config names code that the user has not named.
    """
    recorded = Result.read(folder)
    if recorded is None or recorded.status == "failed":
        raise UserError(f"{folder}: holds no finished run; there is nothing to compare with")
    values = read_config(folder)
    identity = config_id(values)
    if recorded.primary_reason is None and values.get("metrics") == ALL_METRICS:
        # recorded by a version that always took the first of them as the primary metric
        values["metrics"] = list(recorded.higher_is_better)
    with tempfile.TemporaryDirectory() as place:
        rerun = run_job(values, Path(place), picture=False).result
        assert rerun is not None, "nobody else works in a temporary folder"
        changed = _changed(read_manifest(folder), read_manifest(Path(place)))
        if identity != recorded.config_id:
            changed.insert(
                0, f"config.yaml is not what was run: its hash is {identity}, and was {recorded.config_id}"
            )
        precision = str(values.get("trainer", {}).get("precision", "32"))[:2]
        return _compare(recorded, rerun, _ROUNDING[precision], changed)


def _compare(recorded: Result, rerun: Result, rounding: float, changed: list[str]) -> Verdict:
    """Compare every value of the history, then of the metrics, then of the predictions."""
    tables = [
        ("history.csv", recorded.curves, rerun.curves, ["epoch", "replicate"]),
        ("result.json", recorded.table.reset_index(), rerun.table.reset_index(), ["seed"]),
        ("predictions", recorded.predictions, rerun.predictions, ["replicate", "row"]),
    ]
    largest, first = 0.0, ""
    for name, before, after, place in tables:
        if list(before.columns) != list(after.columns) or len(before) != len(after):
            shapes = f"{before.shape[0]} x {before.shape[1]}, and now {after.shape[0]} x {after.shape[1]}"
            return Verdict("different", np.inf, f"{name} was {shapes}", changed)
        distance = _distances(before, after)
        first = first or _first_difference(name, before, after, distance, place)
        largest = max(largest, float(distance.max()) if distance.size else 0.0)
    word = "identical" if largest == 0 else "within rounding" if largest <= rounding else "different"
    return Verdict(word, largest, first, changed)


def _first_difference(
    name: str, before: pd.DataFrame, after: pd.DataFrame, distance: NDArray[np.float64], place: list[str]
) -> str:
    """Return the first value that differs, in words; an empty text if none does."""
    different = np.argwhere(distance > 0)
    if not len(different):
        return ""
    row, column = (int(index) for index in different[0])
    where = ", ".join(f"{key} {before[key].iloc[row]}" for key in place)
    was, now = (str(table.iloc[row, column]) for table in (before, after))
    return f"{name}: {before.columns[column]} ({where}) was {was}, is {now}"


def _distances(before: pd.DataFrame, after: pd.DataFrame) -> NDArray[np.float64]:
    """Return differences relative to the column's size; infinite where texts, or gaps, differ."""
    distances = np.zeros(before.shape)
    for index, name in enumerate(before.columns):
        was, now = before[name], after[name]
        if not (pd.api.types.is_numeric_dtype(was) and pd.api.types.is_numeric_dtype(now)):
            distances[:, index] = np.where(was.astype(str) == now.astype(str), 0, np.inf)
            continue
        a, b = was.to_numpy(dtype=np.float64), now.to_numpy(dtype=np.float64)
        size = np.nanmax(np.abs(a), initial=0.0) or 1.0
        away = np.abs(a - b) / size
        distances[:, index] = np.where(np.isnan(a) & np.isnan(b), 0, np.where(np.isnan(away), np.inf, away))
    return distances


def _changed(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what two manifests do not share, in words."""
    if not was:
        return ["manifest.json is missing, so that versions, code, data and machine cannot be compared"]
    changed = []
    for package in sorted({*was["versions"], *now["versions"]}):
        before, after = was["versions"].get(package), now["versions"].get(package)
        if before != after:
            changed.append(f"version of {package}: {before}, now {after}")
    if was.get("source") != now["source"]:
        before, after = (str((record.get("git") or {}).get("commit"))[:12] for record in (was, now))
        later = "changed since" if before == after else after
        changed.append(f"code of lossbench: commit {before}, now {later}")
    if was["data_fingerprint"] != now["data_fingerprint"]:
        before, after = was["data_fingerprint"][:12], now["data_fingerprint"][:12]
        changed.append(f"data: fingerprint {before}, now {after}")
    if list(was["seeds"]) != list(now["seeds"]):
        changed.append(f"seeds: {', '.join(was['seeds'])}, now {', '.join(now['seeds'])}")
    for seed, hashes in was["seeds"].items():
        rerun = now["seeds"].get(seed, hashes)
        if hashes != rerun:
            different = ", ".join(key for key in hashes if hashes[key] != rerun[key])
            changed.append(f"seed {seed}: other {different}")
    return changed + [
        f"{key}: {was.get(key)}, now {now[key]}" for key in _MACHINE if was.get(key) != now[key]
    ]
