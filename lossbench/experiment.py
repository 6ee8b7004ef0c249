"""One run, from a resolved config to its complete record."""

import logging
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from lossbench import factory, figures, provenance, records
from lossbench.data.dataset import Dataset
from lossbench.data.splits import Split
from lossbench.errors import UserError
from lossbench.metrics import panel
from lossbench.module import EpochOrders, ReplicateModule
from lossbench.records import ReplicateResult, Result
from lossbench.schema import Config, check

_PARTS = ("train", "validation", "test")


def run(values: Mapping[str, Any], folder: Path, config_id: str, *, picture: bool = True) -> Result:
    """Train what a config describes and leave its record in ``folder``.

    Args:
        values: the resolved config, as plain dicts and lists.
        folder: of the run; made if need be.
        config_id: the config's hash.
        picture: whether the learning curves are drawn.

    Raises:
        UserError: a fault of the config, the data or the folder. Nothing is then recorded here.
    """
    started = time.perf_counter()
    config = check(values)
    _claim(folder, config_id)
    records.write_text(folder / "config.yaml", yaml.safe_dump(dict(values), sort_keys=False))
    with _threads(config.trainer.threads):
        dataset = factory.build_dataset(config)
        splits = factory.build_splits(config, dataset)
        module = factory.build_module(config, dataset, splits)
        start = [_hash_weights(module, r) for r in range(config.replicates)]
        orders = factory.build_orders(config, module)
        fit(config, module, orders)
        hashes = _seed_hashes(config, splits, start, orders)
        records.write_json(folder / "manifest.json", provenance.manifest(dataset.fingerprint, hashes))
        metrics = _judge(config, module, dataset, folder)
    replicates = _replicates(module)
    curves = _curves(config, module, replicates)
    _write_history(config, curves, replicates, folder)
    if picture:
        title = f"{config.loss.common.label or config.loss.common.name} on {config.data.common.name}"
        best = [one.best_epoch for one in replicates]
        figures.learning_curves(folder / "curves.png", curves, best, title)
    records.write_arrays(folder / "weights.safetensors", _arrays(module))
    finite = any(one.status == "completed" for one in replicates)
    result = Result(
        status="completed" if finite else "diverged",
        loss=config.loss.common.name,
        label=config.loss.common.label or config.loss.common.name,
        data=config.data.common.name,
        config_id=config_id,
        seeds=config.seeds,
        replicates=replicates,
        metrics=metrics,
        yardstick=config.metrics[0],
        duration_s=round(time.perf_counter() - started, 3),
        folder=folder,
    )
    result.write()
    return result


def attempt(values: Mapping[str, Any], folder: Path, config_id: str, *, picture: bool = True) -> Result:
    """As :func:`run`, but it never raises: a failure is a result with its reason."""
    try:
        return run(values, folder, config_id, picture=picture)
    except FinishedError as finished:
        return finished.result
    except UserError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or folder}: {error.strerror}; free space, or choose another folder"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        with suppress(OSError):
            records.write_text(folder / "traceback.txt", traceback.format_exc())
            reason += f"\nThe traceback is in {folder}/traceback.txt"
    loss, data = (values.get(key) for key in ("loss", "data"))
    name = str(loss.get("name")) if isinstance(loss, Mapping) else str(loss)
    result = Result(
        status="failed",
        loss=name,
        label=str((isinstance(loss, Mapping) and loss.get("label")) or name),
        data=str(data.get("name")) if isinstance(data, Mapping) else str(data),
        config_id=config_id,
        error=reason,
        folder=folder,
    )
    if not _finished(folder):
        with suppress(OSError):  # a full disk may be the very reason; the caller has it in words
            result.write()
    return result


class FinishedError(UserError):
    """The folder already holds this very run, finished; it is never written again."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(f"{result.folder} already holds this run, {result.status}")


def _claim(folder: Path, config_id: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _finished(folder)
    if earlier is None:
        return
    if earlier.config_id == config_id:
        raise FinishedError(earlier)
    raise UserError(
        f"{folder} holds the finished run of another config ({earlier.label}, {earlier.config_id}); "
        "choose another folder with hydra.run.dir="
    )


def _finished(folder: Path) -> Result | None:
    earlier = Result.read(folder)
    return earlier if earlier is not None and earlier.status != "failed" else None


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(config: Config, module: ReplicateModule, orders: EpochOrders) -> None:
    """Train all replicates to the end."""
    # Lightning tells everyone about the TPUs they do not have
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # pytorch-lightning 2.6.6 asks torch 2.13 for a class that is to go
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
        factory.build_trainer(config).fit(module, orders)


def _judge(
    config: Config, module: ReplicateModule, dataset: Dataset, folder: Path
) -> dict[str, list[float | None]]:
    """Every metric on every part with the kept weights; the test part's predictions are written."""
    metrics: dict[str, list[float | None]] = {}
    diverged = module.selection.diverged.tolist()
    for part in _PARTS:
        y_pred, y_true = module.predict_part(part)
        losses = module.objective.per_sample(module.objective(y_pred, y_true), y_true.shape[1])
        predictions, targets = (values.double() for values in module.decode(y_pred, y_true))
        if config.task == "regression":  # as they stand in the table, not scaled there and back
            rows = module.table.rows(part).cpu().numpy()
            targets = torch.as_tensor(dataset.targets[rows], dtype=torch.float64)
        else:
            targets = targets.long()
        values = {"loss": losses, **panel(config.task, config.metrics, predictions, targets)}
        for name, per_replicate in values.items():
            metrics[f"{part}/{name}"] = _cells(per_replicate, diverged)
    _write_predictions(config, module, dataset, predictions, targets, folder)
    return metrics


def _cells(values: Tensor, diverged: list[bool]) -> list[float | None]:
    pairs = zip(values.tolist(), diverged, strict=True)
    return [None if gone or not np.isfinite(value) else value for value, gone in pairs]


def _write_predictions(
    config: Config,
    module: ReplicateModule,
    dataset: Dataset,
    predictions: Tensor,
    targets: Tensor,
    folder: Path,
) -> None:
    rows = module.table.rows("test").cpu().numpy()
    replicates = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)
    columns: dict[str, NDArray[Any]] = {"replicate": replicates.ravel(), "row": rows.ravel()}
    values = predictions.flatten(0, 1).cpu().numpy()
    if config.task == "regression":
        columns["target"] = targets.flatten().cpu().numpy()
        columns["prediction"] = values.ravel()
    else:
        classes = np.array(dataset.classes)
        decided = (values[:, 0] > 0.5).astype(int) if config.task == "binary" else values.argmax(1)
        columns["target"] = classes[targets.flatten().cpu().numpy()]
        columns["prediction"] = classes[decided]
        shown = classes[1:] if config.task == "binary" else classes
        columns |= {f"probability/{name}": values[:, i] for i, name in enumerate(shown)}
    records.write_predictions(folder, columns)


def _replicates(module: ReplicateModule) -> list[ReplicateResult]:
    chosen = module.selection
    return [
        ReplicateResult("diverged" if diverged else "completed", last, best or None)
        for diverged, last, best in zip(
            chosen.diverged.tolist(),
            chosen.last_epoch.tolist(),
            chosen.best_epoch.tolist(),
            strict=True,
        )
    ]


def _curves(
    config: Config, module: ReplicateModule, replicates: list[ReplicateResult]
) -> dict[str, NDArray[np.float64]]:
    """What was recorded each epoch, ``(E, R)``, NaN from where a replicate had stopped."""
    names = ["train/loss", "validation/loss", f"validation/{config.metrics[0]}"]
    values = torch.stack(module.history).double().cpu().numpy()  # (E, 3, R)
    last = np.array([outcome.epoch for outcome in replicates])
    values = np.where(np.arange(len(values))[:, None, None] < last, values, np.nan)
    return {name: values[:, i] for i, name in enumerate(names)}


def _write_history(
    config: Config,
    curves: Mapping[str, NDArray[np.float64]],
    replicates: list[ReplicateResult],
    folder: Path,
) -> None:
    """One row per replicate and epoch that it was trained for."""
    rows = (
        [replicate, seed, epoch + 1, *values]
        for replicate, seed in enumerate(config.seeds)
        for epoch, values in zip(
            range(replicates[replicate].epoch),
            zip(*(curve[:, replicate].tolist() for curve in curves.values()), strict=True),
            strict=False,
        )
    )
    records.write_rows(folder / "history.csv", ["replicate", "seed", "epoch", *curves], rows)


def _seed_hashes(
    config: Config, splits: list[Split], start: list[str], orders: EpochOrders
) -> dict[int, dict[str, str]]:
    assert orders.first is not None
    return {
        seed: {
            "split": provenance.array_hash(splits[r].train, splits[r].validation, splits[r].test),
            "initial_weights": start[r],
            "order": provenance.array_hash(orders.first[r].cpu().numpy()),
        }
        for r, seed in enumerate(config.seeds)
    }


def _hash_weights(module: ReplicateModule, replicate: int) -> str:
    parameters = module.network.parameters()
    return provenance.array_hash(*(p.detach()[replicate].cpu().numpy() for p in parameters))


def _arrays(module: ReplicateModule) -> dict[str, NDArray[Any]]:
    """The kept weights, and the scaling without which they mean nothing, each ``(R, ...)``."""
    arrays = {name: p.detach() for name, p in module.network.named_parameters()}
    for name, columns in (("features", module.table.features), ("targets", module.table.targets)):
        arrays[f"{name}.mean"] = columns.mean_in_user_units
        arrays[f"{name}.scale"] = columns.scale_in_user_units
    return {name: array.cpu().numpy() for name, array in arrays.items()}
