"""The records of the study: one JSON file per table, and one more for ten times the budget."""

import json
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from lossbench.errors import UserError
from study import networks
from study.baselines import compared
from study.corpus import Entry, write
from study.networks import Block
from study.reading import plan, read
from study.summary import best_loss, having, primary_of

Record = dict[str, Any]
TABLES, RUNS, RECORDS, LONGER = "tables", "runs", "records", "longer"
FACTOR = 10  # of the budget, in records of a longer training


def study(entry: Entry, out: Path, seeds: int) -> Record:
    """Train and judge everything for a table, unless its record is there, and return the record."""
    return _kept(RECORDS, _studied, entry, out, seeds)


def study_longer(entry: Entry, out: Path, seeds: int) -> Record:
    """Train the best loss of a table with ten times the budget, unless its record is there."""
    return _kept(LONGER, _studied_longer, entry, out, seeds)


def read_records(out: Path, kind: str, entries: Sequence[Entry]) -> list[Record]:
    """Return the records of a kind that are there, in the order of the corpus."""
    records = (_read(out / kind / f"{entry.key}.json") for entry in entries)
    return [record for record in records if record is not None]


def _studied(entry: Entry, out: Path, seeds: int) -> Record:
    path = write(entry, out / TABLES)
    reading = read(entry, path)
    trained = plan(entry, reading)
    shared = [*entry.overrides(path), *trained.overrides, f"replicates={seeds}"]
    block = Block.of([f"loss={trained.losses[0]}", *shared])
    runs = out / RUNS / entry.key
    networks.remove(runs)
    losses = {loss: _trained([f"loss={loss}", *shared], runs / loss) for loss in trained.losses}
    metric = primary_of(losses)
    started = time.perf_counter()
    verdict, models = compared([runs / loss for loss in having(losses, metric)], metric)
    networks.remove(runs)
    return {
        **_head(entry, seeds),
        "rows": block.rows,
        "features": block.features,
        "read_as": reading.task,
        "is_right": reading.agrees_with(entry),
        "refusal": reading.refusal,
        "task": trained.task,
        "epochs": block.budget.epochs,
        "overrides": shared,
        "losses": losses,
        "verdict": verdict,
        "baselines": models,
        "comparison_seconds": round(time.perf_counter() - started, 3),
    }


def _studied_longer(entry: Entry, out: Path, seeds: int) -> Record:
    record = study(entry, out, seeds)
    loss = best_loss(record)
    if loss is None:
        raise UserError("no loss has a score on every seed")
    overrides = [f"loss={loss}", *record["overrides"]]
    runs = out / RUNS / f"{entry.key}-{LONGER}"
    networks.remove(runs)
    longer = networks.train([*overrides, *Block.of(overrides).longer(FACTOR)], runs)
    networks.remove(runs)
    name = f"test/{longer['primary']}"
    usual = record["losses"][loss]
    return {
        **_head(entry, seeds),
        "loss": loss,
        "metric": name,
        "usual": fmean(usual["metrics"][name]),
        "longer": fmean(longer["metrics"][name]),
        "seconds": longer["seconds"],
    }


def _trained(overrides: Sequence[str], folder: Path) -> Record:
    try:
        return networks.train(overrides, folder)
    except UserError as error:
        return {"status": "failed", "error": str(error)}


def _kept(kind: str, work: Any, entry: Entry, out: Path, seeds: int) -> Record:
    """Return the record of a kind that is there, or make and write it."""
    path = out / kind / f"{entry.key}.json"
    record = _read(path)
    if record is None or record["seeds"] != seeds or "error" in record:
        record = _guarded(work, entry, out, seeds)
        _write(path, record)
    return record


def _guarded(work: Any, entry: Entry, out: Path, seeds: int) -> Record:
    """Return a record with the error if the work on a table fails: the study goes on with the others."""
    try:
        record: Record = work(entry, out, seeds)
    except Exception as error:
        traceback.print_exc()
        return {**_head(entry, seeds), "error": f"{type(error).__name__}: {error}"}
    return record


def _head(entry: Entry, seeds: int) -> Record:
    return {
        "key": entry.key,
        "source": entry.source,
        "target": entry.target,
        "kind": entry.kind,
        "expert": list(entry.reading),
        "seeds": seeds,
    }


def _read(path: Path) -> Record | None:
    if not path.exists():
        return None
    record: Record = json.loads(path.read_text("utf-8"))
    return record


def _write(path: Path, record: Record) -> None:
    """Write a record whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    unfinished.replace(path)
