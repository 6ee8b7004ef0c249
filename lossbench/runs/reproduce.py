"""Run a recorded run again, and say value by value whether it came out the same, or what has changed."""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lossbench import trust
from lossbench.config import compose as composition
from lossbench.errors import UserError
from lossbench.records.result import Result, read_config, read_manifest, results_in
from lossbench.runs import run as experiment

# How far apart two runs on other machines or versions may be, by the precision they were trained in
_ROUNDING = {"64": 1e-9, "32": 1e-4, "bf": 1e-1}


@dataclass(frozen=True)
class Verdict:
    """What a rerun came to.

    Attributes:
        word: ``identical``, ``within rounding`` or ``different``.
        largest: the largest relative difference of any value.
        first: what differs first, in words; empty where nothing does.
        changed: what is not as it was: versions, code, data, threads, machine, seeds, the config itself.
    """

    word: str
    largest: float
    first: str
    changed: list[str]


def reproduce(folder: Path) -> Verdict:
    """Run a run folder's config again, elsewhere, and compare every value that it recorded.

    Raises:
        UserError: the folder holds no finished run; or its config asks for code that nobody else has named.
    """
    was = Result.read(folder)
    if was is None or was.status == "failed":
        raise UserError(f"{folder}: holds no finished run; there is nothing to compare with")
    values = read_config(folder)
    identity = composition.config_id(values)
    with tempfile.TemporaryDirectory() as place:
        again = experiment.run(values, Path(place), identity, picture=False)
        changed = _changed(folder, Path(place))
        if identity != was.config_id:
            changed.insert(
                0, f"config.yaml is not what was run: its hash is {identity}, and was {was.config_id}"
            )
        precision = str(values.get("trainer", {}).get("precision", "32"))[:2]
        return _compare(was, again, _ROUNDING[precision], changed)


def _compare(was: Result, again: Result, rounding: float, changed: list[str]) -> Verdict:
    """Every value of the history, then of the metrics, then of the predictions."""
    tables = [
        ("history.csv", was.curves, again.curves, ["epoch", "replicate"]),
        ("result.json", was.table.reset_index(), again.table.reset_index(), ["seed"]),
        ("predictions", was.predictions, again.predictions, ["replicate", "row"]),
    ]
    largest, first = 0.0, ""
    for name, before, after, place in tables:
        if list(before.columns) != list(after.columns) or len(before) != len(after):
            shapes = f"{before.shape[0]} x {before.shape[1]}, and now {after.shape[0]} x {after.shape[1]}"
            return Verdict("different", np.inf, f"{name} was {shapes}", changed)
        distance = _distances(before, after)
        here = float(distance.max()) if distance.size else 0.0
        if here > 0 and not first:
            row, column = (int(index) for index in np.argwhere(distance > 0)[0])
            where = ", ".join(f"{key} {before[key].iloc[row]}" for key in place)
            label = before.columns[column]
            one, two = (str(table.iloc[row, column]) for table in (before, after))
            first = f"{name}: {label} ({where}) was {one}, is {two}"
        largest = max(largest, here)
    word = "identical" if largest == 0 else "within rounding" if largest <= rounding else "different"
    return Verdict(word, largest, first, changed)


def _distances(before: pd.DataFrame, after: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Relative to the column's size, value by value; infinite where texts, or gaps, differ."""
    distances = np.zeros(before.shape)
    for index, name in enumerate(before.columns):
        one, two = before[name], after[name]
        if not (pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two)):
            distances[:, index] = np.where(one.astype(str) == two.astype(str), 0, np.inf)
            continue
        a, b = one.to_numpy(dtype=np.float64), two.to_numpy(dtype=np.float64)
        size = np.nanmax(np.abs(a), initial=0.0) or 1.0
        away = np.abs(a - b) / size
        distances[:, index] = np.where(np.isnan(a) & np.isnan(b), 0, np.where(np.isnan(away), np.inf, away))
    return distances


def _changed(folder: Path, again: Path) -> list[str]:
    """What the two manifests do not share, in words."""
    was, now = read_manifest(folder), read_manifest(again)
    if not was:
        return ["manifest.json is gone, so that nothing can be said of versions, code, data and machine"]
    changed = []
    for package in sorted({*was["versions"], *now["versions"]}):
        one, two = was["versions"].get(package), now["versions"].get(package)
        if one != two:
            changed.append(f"version of {package}: {one}, now {two}")
    if was.get("source") != now["source"]:
        commits = [str((record.get("git") or {}).get("commit"))[:12] for record in (was, now)]
        same = commits[0] == commits[1]
        changed.append(
            f"code of lossbench: commit {commits[0]}, now " + ("changed since" if same else commits[1])
        )
    if was["data_fingerprint"] != now["data_fingerprint"]:
        changed.append(
            f"data: fingerprint {was['data_fingerprint'][:12]}, now {now['data_fingerprint'][:12]}"
        )
    if list(was["seeds"]) != list(now["seeds"]):
        changed.append(f"seeds: {', '.join(was['seeds'])}, now {', '.join(now['seeds'])}")
    for seed, one in was["seeds"].items():
        two = now["seeds"].get(seed, one)
        if one != two:
            changed.append(f"seed {seed}: other " + ", ".join(key for key in one if one[key] != two[key]))
    machine = ("threads", "cpu_capability", "accelerator", "python", "platform")
    return changed + [f"{key}: {was.get(key)}, now {now[key]}" for key in machine if was.get(key) != now[key]]
