"""The sections of a config: which keys each has beside its component's own, typed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Interval

from lossbench.parameters import Count, Index, OpenFraction, Positive, Section


class LossSection(Section):
    """Keys that every loss has beside its own parameters."""

    name: str
    label: str | None
    reduction: str
    about: dict[str, Any]


class DataSection(Section):
    """Keys that every data set has beside its own."""

    name: str
    batch_size: Count
    validation: OpenFraction
    test: OpenFraction
    stratify: bool
    scale_target: bool
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


S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Choice(Generic[S]):
    """A component as chosen: its callable, the parameters for it, and its section's common keys."""

    function: Callable[..., Any]
    parameters: dict[str, Any]
    common: S
