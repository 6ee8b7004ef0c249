"""How lossbench reads the target of a table, and what the study trains because of that."""

from dataclasses import dataclass
from pathlib import Path

from lossbench import tasks
from lossbench.data.recommend import recommend
from lossbench.errors import UserError
from lossbench.tasks import TASKS
from study.corpus import Entry

MOST_LOSSES = 4
REFERENCES = {
    tasks.REGRESSION: "mean_squared_error",
    tasks.POSITIVE: "mean_squared_error",
    tasks.COUNT: "mean_squared_error",
    tasks.BINARY: "binary_crossentropy",
    tasks.MULTICLASS: "sparse_categorical_crossentropy",
}


@dataclass(frozen=True)
class Reading:
    """What lossbench says of a target.

    Attributes:
        task: the task that it is read as; None if lossbench refuses it.
        losses: the losses that are proposed.
        overrides: what training them needs besides the task.
        refusal: why the target is refused.
    """

    task: str | None
    losses: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    refusal: str | None = None

    def agrees_with(self, entry: Entry) -> bool:
        """Return whether an expert accepts it."""
        return self.task in entry.reading


@dataclass(frozen=True)
class Plan:
    """What is trained for a table: the task, the losses, and further overrides."""

    task: str
    losses: tuple[str, ...]
    overrides: tuple[str, ...]


def read(entry: Entry, path: Path) -> Reading:
    """Return what the catalogue says of the target of a table, its only source."""
    try:
        advice = recommend(str(path), entry.target)
    except UserError as error:
        return Reading(None, refusal=str(error))
    overrides = () if advice.stratify else ("data.stratify=false",)
    return Reading(advice.reading.task.name, tuple(advice.losses), overrides)


def plan(entry: Entry, reading: Reading) -> Plan:
    """Return what is trained for a table.

    A target is trained as lossbench reads it, right or wrong. If lossbench refuses it, or takes numbers for
    classes or classes for numbers, it is trained as the expert reads it: otherwise the scores would have no
    meaning.
    """
    expert = TASKS[entry.reading[0]]
    task = TASKS[reading.task] if reading.task is not None else None
    families = {TASKS[name].has_classes for name in entry.reading}
    if task is None or task.has_classes not in families:
        return Plan(expert.name, (REFERENCES[expert],), (f"data.task={expert.name}",))
    losses = tuple(dict.fromkeys([REFERENCES[task], *reading.losses]))[:MOST_LOSSES]
    return Plan(task.name, losses, (f"data.task={task.name}", *reading.overrides))
