"""The sections of a config: typed keys that each has in addition to the parameters of its component.

A field's default is what a record means that was written before the key existed. What a new config means is
stated in ``conf/config.yaml``.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Ge, Interval

from lossbench.registry import LossInfo
from lossbench.signatures import (
    BelowOne,
    Count,
    Fraction,
    Index,
    OpenFraction,
    OutputActivation,
    Positive,
    Section,
)
from lossbench.tasks import NONNEGATIVE_SPACE, Task


class LossSection(Section):
    """Keys that every loss has in addition to its own parameters.

    A term of ``loss=outputs`` may name the ``output`` that it judges, by default its own name. Without a
    ``reduction`` of its own it takes that of ``loss``.
    """

    name: str
    label: str | None = None
    reduction: str
    about: dict[str, Any]
    output: str | None = None


class OutputsSection(Section):
    """``loss=outputs``: a loss for each term, and the weight of each."""

    name: str
    label: str | None
    reduction: str
    outputs: dict[str, Any]
    weights: dict[str, Any]
    about: dict[str, Any]


class DataSection(Section):
    """Keys that every data set has in addition to its own."""

    name: str
    batch_size: Count
    validation: OpenFraction
    test: OpenFraction
    stratify: bool
    scale_target: bool
    class_weight: Literal["balanced"] | None
    outliers: Fraction
    outlier_size: Positive
    label_noise: Fraction
    label_noise_kind: Literal["symmetric", "pairwise"]
    imbalance: Annotated[float, Ge(1)]
    missing_labels: BelowOne
    about: dict[str, Any] | None = None
    feature_limit: Positive | None = None
    scale_output: bool = False


class ModelSection(Section):
    """Keys that every model has."""

    name: str
    embedding_units: Count
    output_activation: OutputActivation | dict[str, OutputActivation]
    initial_output: Literal["auto", "random"] = "random"


class OptimizerSection(Section):
    """Keys that every optimizer has."""

    name: str


class ScheduleSection(Section):
    """Keys that every schedule has."""

    name: str
    warmup_steps: Index


class RegularizerSection(Section):
    """Keys that every regularizer has."""

    name: str
    apply_to: list[Literal["kernel", "bias", "activity"]]
    layers: list[int | str] | None


class TrainerSection(Section):
    """How training runs."""

    max_epochs: Count | Literal["auto"]
    early_stopping: Count | Literal["auto"] | None
    keep: Literal["best", "last"]
    clip: Positive | None
    accelerator: Literal["cpu", "gpu", "auto"]
    precision: Literal["32-true", "64-true", "bf16-mixed", "32", "64", 32, 64]
    threads: Annotated[int, Interval(ge=1, le=1024)] | None
    max_steps: Count = 1  # in an earlier record, max_epochs is a number
    patience: Count = 1
    average: bool = False


class TopSection(Section):
    """Keys that belong to no section."""

    seed: Index
    replicates: Annotated[int, Interval(ge=1, le=100_000)]
    metrics: str | list[str]
    retry: Literal["none", "failed", "diverged"]
    baselines: bool = True


S = TypeVar("S", bound=Section)
ONLY_HEAD = "output"  # the head of a run with a single output


@dataclass(frozen=True)
class Choice(Generic[S]):
    """A chosen component, whose section has been checked.

    Attributes:
        name: the name of the choice.
        parameters: the component's own keys.
        common: the keys that all choices of the group have.
    """

    name: str
    parameters: dict[str, Any]
    common: S

    @property
    def weighs_rows(self) -> bool:
        """Of a data set: whether a column says how much each row counts."""
        return self.parameters.get("weight") is not None


@dataclass(frozen=True)
class ChosenTerm:
    """A loss as chosen for one output.

    Attributes:
        name: the name of the term; the loss's name if there is a single loss.
        key: its key in the config: ``loss``, or ``loss.outputs.NAME``.
        loss: what was chosen.
        info: the facts of the loss.
        weight: its factor in the total.
    """

    name: str
    key: str
    loss: Choice[LossSection]
    info: LossInfo
    weight: float = 1.0

    @property
    def is_single(self) -> bool:
        """Whether it is the only loss of the run, ``loss=NAME``."""
        return self.key == "loss"

    @property
    def output(self) -> str:
        """The name of the output that it judges; empty for a single loss, which judges the only output."""
        return "" if self.is_single else self.loss.common.output or self.name

    @property
    def from_logits(self) -> bool:
        """Whether it applies the output activation itself."""
        return bool(self.loss.parameters.get("from_logits"))

    @property
    def numbers(self) -> int | None:
        """How many numbers the loss reads for each unit of the head."""
        numbers = self.info.numbers
        return len(self.loss.parameters[numbers]) if isinstance(numbers, str) else numbers

    def activation(self, task: Task) -> str:
        """Return the output activation that keeps predictions in its space and in the task's domain."""
        if self.from_logits:
            return "linear"
        never_negative = task.is_nonnegative and self.info.space.is_quantity
        return (NONNEGATIVE_SPACE if never_negative else self.info.space).activation


@dataclass(frozen=True)
class ChosenOutput:
    """What is predicted, and the terms that judge it.

    Attributes:
        name: the name of the target in the data; empty if it is the only one.
        task: what kind of target it is.
        terms: at least one.
    """

    name: str
    task: Task
    terms: tuple[ChosenTerm, ...]

    @property
    def head(self) -> str:
        """The name of its head in the network."""
        return self.name or ONLY_HEAD

    @property
    def prefix(self) -> str:
        """The prefix of the names of its metrics."""
        return f"{self.name}/" if self.name else ""

    def metric_names(self, *, weighted: bool) -> list[str]:
        """Return the metrics that its predictions can give, prefixed."""
        space = self.terms[0].info.space.name
        return [self.prefix + name for name in self.task.metric_names(space, weighted=weighted)]
