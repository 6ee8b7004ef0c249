"""One run, from a resolved config to its complete record."""

import errno
import logging
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
import yaml
from pytorch_lightning.utilities.exceptions import SIGTERMException

import lossbench
from lossbench.config.resolve import Config, check
from lossbench.data.dataset import Dataset
from lossbench.errors import UserError
from lossbench.records import result as records
from lossbench.records.lock import HeldError, claim
from lossbench.records.result import Result
from lossbench.runs import build as factory
from lossbench.runs.record import record_origin, record_outcome
from lossbench.training.lightning_module import EpochOrders, ReplicateModule


def run(
    values: Mapping[str, Any],
    folder: Path,
    config_id: str,
    *,
    picture: bool = True,
    repeat: Collection[str] = ("failed",),
    wait: bool = False,
) -> Result:
    """Train what a config describes and leave its record in ``folder``.

    Args:
        values: the resolved config, as plain dicts and lists.
        folder: of the run; made if need be.
        config_id: the config's hash.
        picture: whether the learning curves are drawn.
        repeat: which earlier results in the folder are run again; any other is handed out.
        wait: whether to wait for another process that is at work in the folder.

    Raises:
        FinishedError: the folder holds this run's result.
        HeldError: another process is at work in the folder.
        UserError: a issue of the config, the data or the folder. No result is then written.
    """
    started = time.perf_counter()
    earlier = _earlier(folder, repeat)
    if earlier is not None:
        _hand_out(earlier, values, config_id)
    with claim(folder, wait=wait):
        earlier = _earlier(folder, repeat)  # of whoever held it before
        if earlier is not None:
            _hand_out(earlier, values, config_id)
        for stale in ("result.json", "traceback.txt"):
            (folder / stale).unlink(missing_ok=True)
        records.write_text(folder / "config.yaml", yaml.safe_dump(dict(values), sort_keys=False))
        try:
            return _run(values, folder, config_id, picture, started)
        except SystemExit as stop:  # of somebody's own loss: neither a sweep nor a notebook ends by it
            raise RuntimeError(f"its own code called sys.exit({stop.code!r})") from stop


def _run(values: Mapping[str, Any], folder: Path, config_id: str, picture: bool, started: float) -> Result:
    config = check(values)
    dataset = factory.build_dataset(config)
    with _threads(config.trainer.threads):
        module = train(config, dataset, folder)
        replicates, metrics = record_outcome(folder, config, dataset, module, picture=picture)
    finite = any(one.status == "completed" for one in replicates)
    result = Result(
        status="completed" if finite else "diverged",
        loss=config.loss,
        label=config.label,
        data=config.data.common.name,
        config_id=config_id,
        seeds=config.seeds,
        replicates=replicates,
        metrics=metrics,
        yardstick=config.metrics[0],
        higher_is_better=factory.directions(config),
        duration_s=round(time.perf_counter() - started, 3),
        folder=folder,
    )
    result.write()
    return result


def train(config: Config, dataset: Dataset, folder: Path) -> ReplicateModule:
    """Build what the config describes, record where it comes from, and train it to the end."""
    splits = factory.build_splits(config, dataset)
    module = factory.build_module(config, dataset, splits)
    orders = factory.build_orders(config, module)
    record_origin(folder, config, dataset, splits, module, orders)
    fit(config, module, orders)
    return module


def fit(config: Config, module: ReplicateModule, orders: EpochOrders) -> None:
    """Let Lightning run the epochs, without its chatter."""
    with _lightning_manners():
        factory.build_trainer(config).fit(module, orders)


def attempt(
    values: Mapping[str, Any],
    folder: Path,
    config_id: str,
    *,
    picture: bool = True,
    repeat: Collection[str] = ("failed",),
    wait: bool = False,
) -> Result:
    """As :func:`run`, but a failure is a result with its reason.

    Raises:
        FinishedError: the folder holds this run's result.
        HeldError: another process is at work in the folder.
    """
    try:
        return run(values, folder, config_id, picture=picture, repeat=repeat, wait=wait)
    except (FinishedError, HeldError):
        raise
    except Exception as error:
        return _failure(values, folder, config_id, _reason(error, folder))


class FinishedError(UserError):
    """The folder already holds this very run, finished; it is never written again."""

    def __init__(self, result: Result) -> None:
        self.result = result
        again = "; retry=failed repeats it" if result.status == "failed" else ""
        super().__init__(f"{result.folder} already holds this run, {result.status}; nothing was run{again}")


def _failure(values: Mapping[str, Any], folder: Path, config_id: str, reason: str) -> Result:
    """The result of a run that could not be, written unless a finished one stands there."""
    loss, data = (
        section if isinstance(section, Mapping) else {"name": section}
        for section in (values.get("loss"), values.get("data"))
    )
    result = Result(
        status="failed",
        loss=str(loss.get("name")),
        label=str(loss.get("label") or loss.get("name")),
        data=str(data.get("name")),
        config_id=config_id,
        error=reason,
        folder=folder,
    )
    earlier = Result.read(folder)
    if earlier is None or earlier.status == "failed":
        with suppress(OSError):  # a full disk may be the very reason; the caller has it in words
            result.write()
    return result


def _reason(error: Exception, folder: Path) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or str(error.filename).startswith(str(folder)):
            return f"{folder}: {error.strerror}; free space, or choose another folder"
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or "allocate memory" in reason:
        return "not enough memory: lower replicates, model.hidden_units or data.batch_size"
    with suppress(OSError):
        records.write_text(folder / "traceback.txt", "".join(traceback.format_exception(error)))
        reason += f"\nThe traceback is in {folder}/traceback.txt"
    return reason


def _hand_out(earlier: Result, values: Mapping[str, Any], config_id: str) -> None:
    """Refuse to write over an earlier result: hand it out if it is this one's, else say what differs.

    Raises:
        FinishedError: the same config, data and version, or a failure of the same config.
        UserError: not the same.
    """
    if earlier.status == "failed" and earlier.config_id == config_id:
        raise FinishedError(earlier)
    dataset = factory.build_dataset(check(values))
    manifest = records.read_manifest(earlier.folder)
    was = (manifest.get("data_fingerprint"), manifest.get("versions", {}).get("lossbench"))
    version = lossbench.__version__
    compared = (
        (f"another config ({earlier.label}, {earlier.config_id})", earlier.config_id == config_id),
        ("the same config on other data, or data unknown", was[0] == dataset.fingerprint),
        (f"the same config by lossbench {was[1] or '?'}, and this is {version}", was[1] == version),
    )
    for difference, same in compared:
        if not same:
            raise UserError(
                f"{earlier.folder} holds a finished run of {difference}; choose another folder with "
                "hydra.run.dir= (or hydra.sweep.dir= for a sweep)"
            )
    raise FinishedError(earlier)


def _earlier(folder: Path, repeat: Collection[str]) -> Result | None:
    """The result in a folder that is not to be had again."""
    earlier = Result.read(folder)
    return None if earlier is None or earlier.status in repeat else earlier


@contextmanager
def _lightning_manners() -> Iterator[None]:
    """Lightning without its chatter, its interrupts as Python's own."""
    # It tells everyone about the TPUs they do not have
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            # pytorch-lightning 2.6.6 asks torch 2.13 for a class that is to go
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
            # where there is a GPU, it warns of every run that was told not to use it
            warnings.filterwarnings("ignore", message="GPU available but not used")
            yield
    except SystemExit as stop:
        # It answers Ctrl-C and SIGTERM by leaving the program, to Ctrl-C deaf from then on
        if not isinstance(stop, SIGTERMException) and not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, on_interrupt)
        raise KeyboardInterrupt from stop


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
