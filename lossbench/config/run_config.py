"""The resolved configuration of a run: every component is imported, and all its arguments are bound.

Builders receive parts of this record and never ask what a name implies.
"""

from dataclasses import dataclass

from lossbench.data.dataset import Dataset
from lossbench.data.settings import DataSettings, TargetSettings
from lossbench.metrics.primary import choose
from lossbench.training.settings import OutputSettings, PrimaryMetric, TrainingSettings


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run is built from.

    Attributes:
        loss: the canonical name of the loss.
        label: its name in reports.
        seeds: one per replicate.
        primary: the primary metric that the config asks for; None if it is chosen for the data.
        outputs: what is predicted, with the terms that judge it.
        data: the data set.
        training: the network and its training.
    """

    loss: str
    label: str
    seeds: tuple[int, ...]
    primary: PrimaryMetric | None
    outputs: tuple[OutputSettings, ...]
    data: DataSettings
    training: TrainingSettings

    @property
    def targets(self) -> list[TargetSettings]:
        """How the target of each output is given to its losses."""
        return [output.target for output in self.outputs]

    def primary_on(self, dataset: Dataset) -> PrimaryMetric:
        """Return the primary metric: the one that is asked for, or else what fits the first target."""
        if self.primary is not None:
            return self.primary
        output = self.outputs[0]
        target = dataset.target_of(output.name)
        name, reason = choose(output.task, output.safe_metrics, target.values, target.classes)
        return PrimaryMetric(name, output, reason)

    @property
    def directions(self) -> dict[str, bool]:
        """Of each metric of the run, whether a higher value is better."""
        return {
            output.prefix + name: output.task.metric(name).higher_is_better
            for output in self.outputs
            for name in output.metrics
        }
