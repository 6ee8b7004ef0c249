"""What does not go together: loss, data, model and metrics checked against each other."""

from typing import Any, get_args

from lossbench import choices
from lossbench.data.dataset import TableTask, Task
from lossbench.errors import Fault, did_you_mean
from lossbench.losses.reduction import REDUCTIONS, canonical_reduction
from lossbench.metrics import METRICS
from lossbench.sections import Choice, DataSection, LossSection, ModelSection, OptimizerSection

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
_EMBEDDING_SPACES = {"embedding", "unit"}
# The encodings in which a task's targets can be given to a loss.
ENCODINGS: dict[Task, set[str]] = {
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
_EMBEDDING_TASKS = {"pair", "triplet", "retrieval"}
_SCORED_TASKS = {"binary", "multiclass", "distribution", "mask"}  # whose predictions a score can decide
UNSCALED_TASKS = {"positive", "count"}


def combination_faults(
    metrics: Any,
    loss: Choice[LossSection] | None,
    data: Choice[DataSection] | None,
    model: Choice[ModelSection] | None,
    optimizer: Choice[OptimizerSection] | None,
    **_: Any,
) -> list[Fault]:
    """Every fault between sections; one that could not be read (None) hides nothing in the others."""
    found: list[Fault] = []
    if loss is not None:
        loss_faults = _loss_faults(loss)
        found += loss_faults
        loss = None if any(fault.key.startswith("loss.about") for fault in loss_faults) else loss
    if loss is not None:
        task = task_of(loss, data)
        found += _metric_faults(metrics, known_metrics(loss, task))
        if model is not None:
            found += _model_faults(loss, task, model)
    if data is not None:
        found += _data_faults(loss, data)
    if optimizer is not None:
        found += _optimizer_faults(optimizer)
    return found


def natural_activation(loss: Choice[LossSection], task: Task) -> str:
    """The output activation that keeps predictions in the loss's space and the task's domain."""
    if loss.parameters.get("from_logits"):
        return "linear"
    space = about(loss)["prediction"]
    return SPACE_ACTIVATIONS["positive" if space == "real" and task in UNSCALED_TASKS else space]


def about(choice: Choice[Any]) -> dict[str, Any]:
    """The facts of what was chosen: its YAML's, and of a custom loss those that the user states."""
    if choice.common.name == "custom":  # whose facts are the user's to state
        return {**choices.about("loss", "custom"), **choice.common.about}
    group = "loss" if isinstance(choice.common, LossSection) else "data"
    return choices.about(group, choice.common.name)


def task_of(loss: Choice[LossSection], source: Choice[DataSection] | None) -> Task:
    """What is predicted: what the data says, or, where it leaves that open, what the loss is for."""
    task: Task = about(loss)["task"]
    if source is not None:
        stated = _stated_task(source)
        # classes may be told apart, or be what is to be found again: that is the loss's to say
        task = task if stated == "auto" or task == "retrieval" else stated
    return task


def _stated_task(source: Choice[DataSection]) -> Any:
    return source.parameters.get("task") or about(source)["task"]


def _loss_faults(loss: Choice[LossSection]) -> list[Fault]:
    found = []
    if loss.common.name == "custom":
        found += _fact_faults(loss.common.about)
    elif loss.common.about != about(loss):
        remedy = "does not go with the rest of the loss's section: choose a loss by loss=, not by its keys"
        found.append(Fault("loss.name", loss.common.name, remedy))
    try:
        reduction = canonical_reduction(loss.common.reduction)
    except ValueError:
        meant = did_you_mean(loss.common.reduction, REDUCTIONS)
        expected = f"{meant}Choose one of: {', '.join(REDUCTIONS[:-1])}"
        found.append(Fault("loss.reduction", loss.common.reduction, expected))
    else:
        if reduction == "none":
            remedy = "keeps one value per sample, which cannot be trained; leave loss.reduction out"
            found.append(Fault("loss.reduction", loss.common.reduction, remedy))
    axis = loss.parameters.get("axis", -1)
    if axis not in (-1, None):
        remedy = "predictions of a run are (samples, units): the axis must be -1"
        found.append(Fault("loss.axis", axis, remedy))
    return found


def _fact_faults(stated: dict[str, Any]) -> list[Fault]:
    """What is wrong with the facts that a custom loss states of itself."""
    allowed: dict[str, Any] = {
        "task": list(ENCODINGS),
        "target": sorted(set().union(*ENCODINGS.values())),
        "prediction": list(SPACE_ACTIVATIONS),
        "units": ["targets", "classes", "embedding"],
        "data": [name for name in choices.names("data") if name not in ("auto", "table")],
        **{fact: [True, False] for fact in ("couples_samples", "bounded", "convex", "proper")},
    }
    found = []
    for fact, value in stated.items():
        if fact not in choices.about("loss", "custom"):
            near = did_you_mean(fact, allowed, "loss.about.")
            found.append(Fault(f"loss.about.{fact}", value, f"is no fact. {near}Facts: {', '.join(allowed)}"))
        elif fact in allowed and value not in allowed[fact]:
            known = ", ".join(str(one).lower() for one in allowed[fact])
            found.append(Fault(f"loss.about.{fact}", value, f"must be one of: {known}"))
    facts = {**choices.about("loss", "custom"), **stated}
    if not found and facts["target"] not in ENCODINGS[facts["task"]]:
        known = ", ".join(sorted(ENCODINGS[facts["task"]]))
        remedy = f"a {facts['task']} target comes as one of: {known}"
        found.append(Fault("loss.about.target", facts["target"], remedy))
    if not found and facts["prediction"] == "distribution" and facts["units"] != "classes":
        found.append(
            Fault("loss.about.units", facts["units"], "a distribution over classes has units=classes")
        )
    if not found and facts["prediction"] == "score" and facts["task"] not in _SCORED_TASKS:
        known = ", ".join(sorted(_SCORED_TASKS))
        found.append(Fault("loss.about.prediction", "score", f"decides a task of: {known}"))
    embeds = facts["prediction"] in _EMBEDDING_SPACES
    as_one = {embeds, facts["task"] in _EMBEDDING_TASKS, facts["units"] == "embedding"}
    if not found and len(as_one) > 1:
        remedy = "goes with units=embedding and a task of: " + ", ".join(sorted(_EMBEDDING_TASKS))
        found.append(Fault("loss.about.prediction", facts["prediction"], f"an embedding {remedy}"))
    return found


def _data_faults(loss: Choice[LossSection] | None, source: Choice[DataSection]) -> list[Fault]:
    found = []
    if source.common.validation + source.common.test >= 1:
        remedy = f"and data.validation={source.common.validation} leave no rows to train on: lower them"
        found.append(Fault("data.test", source.common.test, remedy))
    if source.common.about is not None and source.common.about != about(source):
        found.append(Fault("data.about", ..., "holds the facts of a data set, which are not for setting"))
    if loss is None:
        return found
    name, stated = source.common.name, _stated_task(source)
    of_tables = [*get_args(TableTask), "retrieval"]
    if stated == "auto" and about(loss)["task"] not in of_tables:
        remedy = f"a table's one column cannot be what loss={loss.common.name} is for ({about(loss)['task']})"
        found.append(Fault("data", name, f"{remedy}. Choose {' or '.join(_homes(loss))}"))
    if stated != "auto" and about(loss)["target"] not in ENCODINGS[stated]:
        fitting = [f"loss={other}" for other in choices.losses() if _fits(other, stated)]
        key, value = ("data.task", stated) if name == "table" else ("data", name)
        remedy = (
            f"is {stated}, and loss={loss.common.name} is for {about(loss)['task']} targets. Choose "
            f"{' or '.join(fitting)}, or {' or '.join(_homes(loss))}"
        )
        found.append(Fault(key, value, remedy))
    return found


def _homes(loss: Choice[LossSection]) -> list[str]:
    """The bundled data that the loss fits, its own first."""
    tasks = {name: choices.about("data", name).get("task") for name in choices.names("data")}
    target, own = about(loss)["target"], about(loss)["data"]
    fitting = [name for name, task in tasks.items() if task and target in ENCODINGS[task]]
    return [f"data={name}" for name in sorted(fitting, key=lambda name: name != own)]


def _fits(loss_name: str, task: Task) -> bool:
    return choices.about("loss", loss_name)["target"] in ENCODINGS[task]


def _model_faults(loss: Choice[LossSection], task: Task, model: Choice[ModelSection]) -> list[Fault]:
    activation = model.parameters["output_activation"]
    needed, space = natural_activation(loss, task), about(loss)["prediction"]
    fitting = {
        "real": set(SPACE_ACTIVATIONS.values()) | {"relu", "elu", "selu", "gelu", "silu", "tanh"},
        "score": {"linear", "tanh"},  # decided at 0, so of both signs
    }
    fitting["direction"] = fitting["embedding"] = fitting["real"]
    if activation in {"auto", needed} | fitting.get(space, set()) - {"softmax"}:
        return []
    name = loss.common.name
    if loss.parameters.get("from_logits"):
        remedy = (
            f"loss.from_logits=true applies the {SPACE_ACTIVATIONS[space]} itself: leave "
            "model.output_activation=auto, or set loss.from_logits=false"
        )
    elif "from_logits" in loss.parameters and activation == "linear":
        remedy = (
            f"loss={name} reads what a {needed} gives: for a linear output set loss.from_logits=true, or "
            "leave model.output_activation=auto"
        )
    else:
        remedy = f"loss={name} needs a {needed} output: leave model.output_activation=auto"
    return [Fault("model.output_activation", activation, remedy)]


def _optimizer_faults(optimizer: Choice[OptimizerSection]) -> list[Fault]:
    if optimizer.parameters.get("nesterov") and optimizer.parameters["momentum"] == 0:
        return [Fault("optimizer.nesterov", True, "needs momentum: set optimizer.momentum=0.9")]
    return []


def known_metrics(loss: Choice[LossSection], task: Task) -> list[str]:
    """The metrics that this loss's predictions can give, the task's own yardstick first."""
    scaleless = about(loss)["prediction"] == "direction"
    return [name for name, metric in METRICS[task].items() if not (scaleless and metric.needs_scale)]


def _metric_faults(metrics: Any, known: list[str]) -> list[Fault]:
    listed = isinstance(metrics, list) and all(isinstance(name, str) for name in metrics)
    if not listed and not isinstance(metrics, str):
        return []  # the wrong type has been reported
    if not known:
        return []  # the data does not fit the loss, which has been reported
    names = metric_names(metrics, known)
    if not names or len(set(names)) < len(names):
        return [Fault("metrics", metrics, f"needs one or more different names: {', '.join(known)}")]
    return [
        Fault("metrics", name, f"{did_you_mean(name, known)}Here one can have: {', '.join(known)}")
        for name in names
        if name not in known
    ]


def metric_names(metrics: str | list[str], known: list[str]) -> list[str]:
    """The metrics that ``metrics`` means: all that are known for ``auto``, or as listed."""
    if metrics == "auto":
        return known
    return [metrics] if isinstance(metrics, str) else metrics
