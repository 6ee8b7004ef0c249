"""How long a run trains: its budget in steps, as epochs of its data.

What a network learns depends on its steps: a hundred epochs are 200 steps on 62 rows, and 150,000 on 50,000.
"""

from dataclasses import dataclass

from lossbench.training.settings import TrainingSettings

_PATIENCE_EPOCHS = 10  # at least, however many steps an epoch has
_BUDGET_EPOCHS = 20


@dataclass(frozen=True)
class Budget:
    """The length of a run.

    Attributes:
        epochs: the largest number of epochs.
        steps_per_epoch: the number of steps of an epoch.
        patience: epochs without improvement after which a replicate stops; None for never.
    """

    epochs: int
    steps_per_epoch: int
    patience: int | None


def budget_of(settings: TrainingSettings, rows: int) -> Budget:
    """Return the budget of a run with so many training rows in each replicate."""
    steps_per_epoch = -(-rows // settings.batch_size)
    patience = settings.early_stopping
    if settings.patience is not None:
        patience = max(-(-settings.patience // steps_per_epoch), _PATIENCE_EPOCHS)
    epochs = settings.max_epochs
    if epochs is None:
        epochs = max(-(-settings.max_steps // steps_per_epoch), _BUDGET_EPOCHS)
    return Budget(epochs, steps_per_epoch, patience)
