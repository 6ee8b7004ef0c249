"""A progress bar of epochs that costs one clock reading per epoch, and nothing without a terminal."""

import sys
import time

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_INTERVAL_S = 0.1


class ProgressBar(pl.Callback):
    """The number of epochs done, drawn at most ten times a second."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.next_draw = 0.0
        self.bar: Progress | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the empty bar."""
        if not sys.stderr.isatty():
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
        self.task = self.bar.add_task(self.title, total=trainer.max_epochs)
        self.bar.start()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Redraw the bar if the last drawing is old enough."""
        if self.bar is not None and time.monotonic() >= self.next_draw:
            self.next_draw = time.monotonic() + _INTERVAL_S
            self.bar.update(self.task, completed=trainer.current_epoch + 1)
            self.bar.refresh()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Remove the bar, so that the error message stands alone."""
        self.on_train_end(trainer, pl_module)
