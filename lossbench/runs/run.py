"""One run, from its resolved configuration to its complete record."""

import logging
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from lossbench.config.run_config import RunConfig
from lossbench.data.dataset import Dataset
from lossbench.data.replicates import make_splits, make_table
from lossbench.data.splits import Split
from lossbench.records.result import Result
from lossbench.runs.record import record_origin, record_outcome
from lossbench.training.build import accelerator, make_module, make_orders, make_trainer
from lossbench.training.lightning_module import EpochOrders, ReplicateModule


def run(
    config: RunConfig, folder: Path, config_id: str, *, command: Sequence[str], picture: bool = True
) -> Result:
    """Train what a configuration describes and leave its record in ``folder``.

    Args:
        config: the resolved configuration.
        folder: the folder of the run, which exists.
        config_id: the hash of the composed config.
        command: the command that started the run, word by word, for the manifest.
        picture: whether the learning curves are drawn.

    Raises:
        UserError: the data has an issue. No result is written then.
    """
    started = time.perf_counter()
    dataset = config.data.load()
    with _threads(config.training.threads):
        module = train(config, dataset, folder, command)
        replicates, metrics = record_outcome(folder, config, dataset, module, picture=picture)
    finite = any(replicate.status == "completed" for replicate in replicates)
    result = Result(
        status="completed" if finite else "diverged",
        loss=config.loss,
        label=config.label,
        data=config.data.name,
        config_id=config_id,
        seeds=list(config.seeds),
        replicates=replicates,
        metrics=metrics,
        primary_metric=module.primary.name,
        primary_reason=module.primary.reason,
        higher_is_better=config.directions,
        loss_units={term: units for output in config.outputs for term, units in output.loss_units.items()},
        notes=list(dataset.notes),
        duration_s=round(time.perf_counter() - started, 3),
        folder=folder,
    )
    result.write()
    return result


def train(config: RunConfig, dataset: Dataset, folder: Path, command: Sequence[str]) -> ReplicateModule:
    """Prepare what the configuration describes, record where it comes from, and train it to the end."""
    splits, module, orders = prepare(config, dataset)
    device = accelerator(config.training.accelerator)
    record_origin(folder, config.seeds, dataset.fingerprint, splits, module, orders, command, device)
    fit(config, module, orders)
    return module


def prepare(config: RunConfig, dataset: Dataset) -> tuple[list[Split], ReplicateModule, EpochOrders]:
    """Return the replicates' splits, the module that trains them, and the order of its epochs."""
    splits = make_splits(dataset, config.data, config.targets, config.seeds)
    table = make_table(dataset, splits, config.data, config.targets, config.seeds, config.training.dtype)
    primary = config.primary_on(dataset)
    module = make_module(dataset, table, config.training, config.outputs, primary, config.seeds)
    return splits, module, make_orders(table, config.seeds)


def fit(config: RunConfig, module: ReplicateModule, orders: EpochOrders) -> None:
    """Let Lightning run the epochs, without its messages."""
    with _quiet_lightning():
        make_trainer(config.training, module, config.label).fit(module, orders)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's messages, and turn its exit on Ctrl-C back into KeyboardInterrupt."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # it lists the TPUs that are not there
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            # pytorch-lightning 2.6.6 asks torch 2.13 for a deprecated class
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
            # with a GPU, it warns of every run that was told not to use it
            warnings.filterwarnings("ignore", message="GPU available but not used")
            yield
    except SystemExit as stop:
        # Lightning answers Ctrl-C and SIGTERM by exiting, and ignores Ctrl-C from then on
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
