"""The sections of a config: which keys each has beside its component's own, typed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Ge, Interval

from lossbench.signatures import BelowOne, Count, Fraction, Index, OpenFraction, Positive, Section


class LossSection(Section):
    """Keys that every loss has beside its own parameters.

    As a term it may say which ``output`` it judges; its reduction is the loss section's, unless it has one.
    """

    name: str
    label: str | None = None
    reduction: str
    about: dict[str, Any]
    output: str | None = None


class OutputsSection(Section):
    """``loss=outputs``: a loss for each term, and what each weighs."""

    name: Literal["outputs"]
    label: str | None
    reduction: str
    outputs: dict[str, Any]
    weights: dict[str, Any]
    about: dict[str, Any]


class DataSection(Section):
    """Keys that every data set has beside its own."""

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


class ModelSection(Section):
    """Keys that every model has."""

    name: str
    embedding_units: Count


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

    max_epochs: Count
    early_stopping: Count | None
    keep: Literal["best", "last"]
    clip: Positive | None
    accelerator: Literal["cpu", "gpu", "auto"]
    precision: Literal["32-true", "64-true", "bf16-mixed", "32", "64", 32, 64]
    threads: Annotated[int, Interval(ge=1, le=1024)] | None


class TopSection(Section):
    """Keys that stand by themselves."""

    seed: Index
    replicates: Annotated[int, Interval(ge=1, le=100_000)]
    metrics: str | list[str]
    retry: Literal["none", "failed", "diverged"]


S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Choice(Generic[S]):
    """A component as chosen: its callable, the parameters for it, and its section's common keys."""

    function: Callable[..., Any]
    parameters: dict[str, Any]
    common: S


@dataclass(frozen=True)
class ChosenTerm:
    """A loss as chosen for one output.

    Attributes:
        name: of the term; of a single loss, the loss's.
        key: where it stands in the config: ``loss``, or ``loss.outputs.NAME``.
        loss: what was chosen.
        weight: its factor in the total.
    """

    name: str
    key: str
    loss: Choice[LossSection]
    weight: float = 1.0


@dataclass(frozen=True)
class Output:
    """What is predicted, and the terms that judge it.

    Attributes:
        name: as the data calls the target; empty where it is the only one.
        task: what kind of target it is.
        terms: at least one.
    """

    name: str
    task: str
    terms: tuple[ChosenTerm, ...]

    @property
    def head(self) -> str:
        """What the network calls it."""
        return self.name or "output"

    @property
    def prefix(self) -> str:
        """Before the names of its metrics."""
        return f"{self.name}/" if self.name else ""
