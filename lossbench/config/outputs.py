"""What the chosen parts say of themselves, and what follows: tasks, outputs, activations, metrics."""

from collections.abc import Sequence
from typing import Any

from lossbench import registry
from lossbench.config.sections import Choice, ChosenTerm, DataSection, LossSection, ModelSection, Output
from lossbench.tasks import TASKS

# The output activation after which predictions lie in a space; logits of it need none.
SPACE_ACTIVATIONS = {
    "real": "linear",
    "positive": "softplus",
    "probability": "sigmoid",
    "distribution": "softmax",
    "score": "linear",
    "direction": "linear",
    "embedding": "linear",
    "unit": "unit_length",
}
EMBEDDING_SPACES = {"embedding", "unit"}
# The encodings in which a task's targets can be given to a loss.
ENCODINGS: dict[str, set[str]] = {
    "regression": {"real"},
    "positive": {"real", "positive"},
    "count": {"real", "positive", "count"},
    "binary": {"binary", "sign"},
    "multiclass": {"index", "onehot", "distribution"},
    "distribution": {"distribution"},
    "vector": {"vector", "real"},
    "mask": {"binary"},
    "pair": {"pair"},
    "triplet": {"triplet"},
    "retrieval": {"index"},
}
EMBEDDING_TASKS = {"pair", "triplet", "retrieval"}
SCORED_TASKS = {"binary", "multiclass", "distribution", "mask"}  # whose predictions a score can decide
CLASS_TASKS = {"binary", "multiclass", "retrieval"}
NUMBER_TASKS = {"regression", "positive", "count", "vector"}
UNSCALED_TASKS = {"positive", "count"}


def outputs_of(terms: Sequence[ChosenTerm], source: Choice[DataSection] | None) -> list[Output]:
    """The outputs that the terms judge, in the order in which they are first named."""
    by_name: dict[str, list[ChosenTerm]] = {}
    for term in terms:
        by_name.setdefault(output_name(term), []).append(term)
    return [Output(name, _task_of(own[0], name, source), tuple(own)) for name, own in by_name.items()]


def output_name(term: ChosenTerm) -> str:
    """The output that a term judges: the one it names, else its own name; of a single loss, the only one."""
    return "" if term.key == "loss" else term.loss.common.output or term.name


def natural_activation(loss: Choice[LossSection], task: str) -> str:
    """The output activation that keeps predictions in the loss's space and the task's domain."""
    if loss.parameters.get("from_logits"):
        return "linear"
    space = about(loss)["prediction"]
    return SPACE_ACTIVATIONS["positive" if space == "real" and task in UNSCALED_TASKS else space]


def output_activation(output: Output, model: Choice[ModelSection]) -> str:
    """The activation of an output: the one that was asked for, of all or of each; else the natural one."""
    asked = asked_activation(output, model)
    return natural_activation(output.terms[0].loss, output.task) if asked == "auto" else asked


def asked_activation(output: Output, model: Choice[ModelSection]) -> str:
    """What a config asks of an output: an activation, or ``auto``."""
    asked: str | dict[str, str] = model.parameters["output_activation"]
    return asked if isinstance(asked, str) else asked.get(output.name, "auto")


def about(choice: Choice[Any]) -> dict[str, Any]:
    """The facts of what was chosen: its YAML's, and of a custom loss those that the user states."""
    if choice.common.name == "custom":  # whose facts are the user's to state
        return {**registry.about("loss", "custom"), **choice.common.about}
    group = "loss" if isinstance(choice.common, LossSection) else "data"
    return registry.about(group, choice.common.name)


def _task_of(term: ChosenTerm, output: str, source: Choice[DataSection] | None) -> str:
    """What is predicted: what the data says, or, where it leaves that open, what the loss is for."""
    task: str = about(term.loss)["task"]
    stated = "auto" if source is None else stated_task(source, output)
    # classes may be told apart, or be what is to be found again: that is the loss's to say
    return task if stated == "auto" or task == "retrieval" else stated


def stated_task(source: Choice[DataSection], output: str) -> str:
    """What the data says of an output's target."""
    stated = source.parameters.get("task") or about(source).get("task") or about(source)["tasks"]
    chosen: str = stated.get(output, "auto") if isinstance(stated, dict) else stated
    return chosen


def target_names(source: Choice[DataSection]) -> list[str] | None:
    """The names of the data's targets; None where it has one, which any output's name may call."""
    if source.common.name == "table":
        target = source.parameters["target"]
        return [target] if isinstance(target, str) else list(target)
    tasks = about(source).get("tasks")
    return None if tasks is None else list(tasks)


def known_metrics(outputs: Sequence[Output], source: Choice[DataSection] | None) -> list[str]:
    """The metrics that the losses' predictions can give; of each output the task's own yardstick first."""
    weighted = source is not None and source.parameters.get("weight") is not None
    return [
        output.prefix + name
        for output in outputs
        for name in TASKS[output.task].metric_names(
            about(output.terms[0].loss)["prediction"], weighted=weighted
        )
    ]


def metric_names(metrics: str | list[str], known: list[str]) -> list[str]:
    """The metrics that ``metrics`` means: all that are known for ``auto``, or as listed."""
    if metrics == "auto":
        return known
    return [metrics] if isinstance(metrics, str) else metrics
