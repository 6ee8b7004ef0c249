"""What a config may say: every section typed, every fault found, all of them in one report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Interval
from pydantic import BaseModel, create_model

from lossbench import choices, data, losses, models, optimizers, schedules
from lossbench.data.dataset import Task
from lossbench.errors import ConfigError, Fault, did_you_mean
from lossbench.losses.reduction import REDUCTIONS, canonical_reduction
from lossbench.metrics import METRICS
from lossbench.parameters import (
    Count,
    Index,
    OpenFraction,
    Positive,
    Section,
    faults,
    keyword_parameters,
    parameter_model,
)


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


class _TopSection(Section):
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


@dataclass(frozen=True)
class Config:
    """A run's config, checked: what the factory builds from."""

    seed: int
    replicates: int
    task: Task
    metrics: list[str]
    loss: Choice[LossSection]
    data: Choice[DataSection]
    model: Choice[ModelSection]
    optimizer: Choice[OptimizerSection]
    schedule: Choice[ScheduleSection]
    trainer: TrainerSection

    @property
    def label(self) -> str:
        """What reports call the loss."""
        return self.loss.common.label or self.loss.common.name

    @property
    def seeds(self) -> list[int]:
        """One per replicate."""
        return list(range(self.seed, self.seed + self.replicates))


# Where each group's callables are looked up: in what lossbench itself defines, and nowhere else.
_GROUPS: dict[str, tuple[Callable[[str], Callable[..., Any]], type[Section]]] = {
    "loss": (losses.function, LossSection),
    "data": (data.source, DataSection),
    "model": (vars(models).__getitem__, ModelSection),
    "optimizer": (vars(optimizers).__getitem__, OptimizerSection),
    "schedule": (vars(schedules).__getitem__, ScheduleSection),
}

# The output activation after which predictions lie in a space; logits of it need none.
_SPACE_ACTIVATIONS = {
    "real": "linear",
    "positive": "softplus",
    "probability": "sigmoid",
    "distribution": "softmax",
    "score": "linear",
    "direction": "linear",
}
# The encodings in which a task's targets can be given to a loss.
_ENCODINGS: dict[Task, set[str]] = {
    "regression": {"real"},
    "positive": {"real", "positive"},
    "count": {"real", "positive", "count"},
    "binary": {"binary", "sign"},
    "multiclass": {"index", "onehot", "distribution"},
    "distribution": {"distribution"},
    "vector": {"vector", "real"},
    "mask": {"binary"},
}
_UNSCALED_TASKS = {"positive", "count"}


def check(config: Mapping[str, Any]) -> Config:
    """The config, typed.

    Args:
        config: resolved, as plain dicts and lists.

    Raises:
        ConfigError: with every fault, each with its key, its value and what to write instead.
    """
    found: list[Fault] = []
    chosen: dict[str, Any] = {}
    for group, (lookup, section) in _GROUPS.items():
        chosen[group] = _choice(group, config.get(group), lookup, section, found)
    top = {key: value for key, value in config.items() if key not in (*_GROUPS, "trainer")}
    found += faults(_TopSection, top, "the config", "", choices.similar_key)
    found += _section_faults(TrainerSection, config.get("trainer"), "the trainer", "trainer")
    loss, source = chosen["loss"], chosen["data"]
    # What is wrong in one section hides nothing in another: combinations are checked all the same.
    if loss is not None:
        loss_faults = _loss_faults(loss)
        found += loss_faults
        loss = None if any(fault.key.startswith("loss.about") for fault in loss_faults) else loss
    if loss is not None:
        task = _task(loss, source)
        found += _metric_faults(config.get("metrics"), _known_metrics(loss, task))
        if chosen["model"] is not None:
            found += _model_faults(loss, task, chosen["model"])
    if source is not None:
        found += _data_faults(loss, source)
    if chosen["optimizer"] is not None:
        found += _optimizer_faults(chosen["optimizer"])
    if found:
        raise ConfigError(found)
    task = _task(loss, source)
    metrics = _metric_names(config["metrics"], _known_metrics(loss, task))
    trainer = TrainerSection.model_validate(config["trainer"])
    return Config(config["seed"], config["replicates"], task, metrics, trainer=trainer, **chosen)


def natural_activation(loss: Choice[LossSection], task: Task) -> str:
    """The output activation that keeps predictions in the loss's space and the task's domain."""
    if loss.parameters.get("from_logits"):
        return "linear"
    space = _about(loss)["prediction"]
    return _SPACE_ACTIVATIONS["positive" if space == "real" and task in _UNSCALED_TASKS else space]


def scales_target(config: Config) -> bool:
    """Whether targets are standardised: real ones only, whose domain has no bounds, and if wanted."""
    real = _about(config.loss)["target"] == "real" and config.task not in _UNSCALED_TASKS
    return real and config.data.common.scale_target


def _choice(
    group: str,
    values: Any,
    lookup: Callable[[str], Callable[..., Any]],
    section: type[Section],
    found: list[Fault],
) -> Choice[Any] | None:
    name = values.get("name") if isinstance(values, Mapping) else None
    known = choices.names(group)
    if name not in known:
        meant = did_you_mean(str(name), known, f"{group}=")
        key, value = (f"{group}.name", name) if isinstance(values, Mapping) else (group, values)
        found.append(Fault(key, value, f"{meant}Choose one with {group}=: {', '.join(known)}"))
        return None
    function = lookup(name)
    model = _component_model(function, section)
    mistakes = _section_faults(model, values, name, group)
    found += mistakes
    wrong = {fault.key.removeprefix(f"{group}.") for fault in mistakes}
    if any(key in model.model_fields and model.model_fields[key].is_required() for key in wrong):
        return None
    # A faulty parameter is read as its default, so that the rest can still be checked
    checked = model.model_validate({k: v for k, v in values.items() if k not in wrong})
    parameters = {p.name: getattr(checked, p.name) for p in keyword_parameters(function)}
    common = section.model_validate({key: getattr(checked, key) for key in section.model_fields})
    return Choice(function, parameters, common)


def _component_model(function: Callable[..., Any], section: type[Section]) -> type[BaseModel]:
    own = {name: (field.annotation, field) for name, field in parameter_model(function).model_fields.items()}
    return create_model(function.__name__, __base__=section, **own)  # type: ignore[call-overload, no-any-return]


def _section_faults(model: type[BaseModel], values: Any, owner: str, key: str) -> list[Fault]:
    if not isinstance(values, Mapping):
        return [Fault(key, values, f"is a section: set its keys, as {key}.KEY=VALUE")]
    # OmegaConf writes ??? for a value that must be given
    given = {name: value for name, value in values.items() if value != "???"}
    return faults(model, given, owner, key, _where_it_belongs)


def _where_it_belongs(key: str) -> str:
    """Of a key that is unknown where it stands: the choices of its group that have it, or its section."""
    group, _, name = key.partition(".")
    owners = [f"{group}={other}" for other in choices.names(group) if name in choices.read(group, other)]
    if owners:
        return f"It belongs to {' or '.join(owners)}. "
    same_name = [k for k in choices.config_keys() if k.endswith(f".{name}") and name not in ("name", "about")]
    return f"Did you mean {same_name[0]}? " if same_name else ""


def _about(choice: Choice[Any]) -> dict[str, Any]:
    if choice.common.name == "custom":  # whose facts are the user's to state
        return {**choices.about("loss", "custom"), **choice.common.about}
    group = "loss" if isinstance(choice.common, LossSection) else "data"
    return choices.about(group, choice.common.name)


def _task(loss: Choice[LossSection], source: Choice[DataSection] | None) -> Task:
    """What is predicted: what the data says, or, where it leaves that open, what the loss is for."""
    task: Task = _about(loss)["task"]
    if source is not None:
        stated = _stated_task(source)
        task = task if stated == "auto" else stated
    return task


def _stated_task(source: Choice[DataSection]) -> Any:
    return source.parameters.get("task") or _about(source)["task"]


def _loss_faults(loss: Choice[LossSection]) -> list[Fault]:
    found = []
    if loss.common.name == "custom":
        found += _fact_faults(loss.common.about)
    elif loss.common.about != _about(loss):
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


def _fact_faults(about: dict[str, Any]) -> list[Fault]:
    """What is wrong with the facts that a custom loss states of itself."""
    allowed: dict[str, Any] = {
        "task": list(_ENCODINGS),
        "target": sorted(set().union(*_ENCODINGS.values())),
        "prediction": list(_SPACE_ACTIVATIONS),
        "units": ["targets", "classes"],
        "data": [name for name in choices.names("data") if name not in ("auto", "table")],
        **{fact: [True, False] for fact in ("couples_samples", "bounded", "convex", "proper")},
    }
    found = []
    for fact, value in about.items():
        if fact not in choices.about("loss", "custom"):
            near = did_you_mean(fact, allowed, "loss.about.")
            found.append(Fault(f"loss.about.{fact}", value, f"is no fact. {near}Facts: {', '.join(allowed)}"))
        elif fact in allowed and value not in allowed[fact]:
            known = ", ".join(str(one).lower() for one in allowed[fact])
            found.append(Fault(f"loss.about.{fact}", value, f"must be one of: {known}"))
    facts = {**choices.about("loss", "custom"), **about}
    if not found and facts["target"] not in _ENCODINGS[facts["task"]]:
        known = ", ".join(sorted(_ENCODINGS[facts["task"]]))
        remedy = f"a {facts['task']} target comes as one of: {known}"
        found.append(Fault("loss.about.target", facts["target"], remedy))
    if not found and facts["prediction"] == "distribution" and facts["units"] != "classes":
        found.append(
            Fault("loss.about.units", facts["units"], "a distribution over classes has units=classes")
        )
    return found


def _data_faults(loss: Choice[LossSection] | None, source: Choice[DataSection]) -> list[Fault]:
    found = []
    if source.common.validation + source.common.test >= 1:
        remedy = f"and data.validation={source.common.validation} leave no rows to train on: lower them"
        found.append(Fault("data.test", source.common.test, remedy))
    if source.common.about is not None and source.common.about != _about(source):
        found.append(Fault("data.about", ..., "holds the facts of a data set, which are not for setting"))
    if loss is None:
        return found
    name, stated = source.common.name, _stated_task(source)
    if stated != "auto" and _about(loss)["target"] not in _ENCODINGS[stated]:
        fitting = [f"loss={other}" for other in choices.losses() if _fits(other, stated)]
        key, value = ("data.task", stated) if name == "table" else ("data", name)
        remedy = (
            f"is {stated}, and loss={loss.common.name} is for {_about(loss)['task']} targets. Choose "
            f"{' or '.join(fitting)}, or {' or '.join(_homes(loss))}"
        )
        found.append(Fault(key, value, remedy))
    return found


def _homes(loss: Choice[LossSection]) -> list[str]:
    """The bundled data that the loss fits, its own first."""
    tasks = {name: choices.about("data", name).get("task") for name in choices.names("data")}
    target, own = _about(loss)["target"], _about(loss)["data"]
    fitting = [name for name, task in tasks.items() if task and target in _ENCODINGS[task]]
    return [f"data={name}" for name in sorted(fitting, key=lambda name: name != own)]


def _fits(loss_name: str, task: Task) -> bool:
    return choices.about("loss", loss_name)["target"] in _ENCODINGS[task]


def _model_faults(loss: Choice[LossSection], task: Task, model: Choice[ModelSection]) -> list[Fault]:
    activation = model.parameters["output_activation"]
    needed, space = natural_activation(loss, task), _about(loss)["prediction"]
    fitting = {
        "real": set(_SPACE_ACTIVATIONS.values()) | {"relu", "elu", "selu", "gelu", "silu", "tanh"},
        "score": {"linear", "tanh"},  # decided at 0, so of both signs
    }
    fitting["direction"] = fitting["real"]
    if activation in {"auto", needed} | fitting.get(space, set()) - {"softmax"}:
        return []
    name = loss.common.name
    if loss.parameters.get("from_logits"):
        remedy = (
            f"loss.from_logits=true applies the {_SPACE_ACTIVATIONS[space]} itself: leave "
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


def _known_metrics(loss: Choice[LossSection], task: Task) -> list[str]:
    """The metrics that this loss's predictions can give, the task's own yardstick first."""
    scaleless = _about(loss)["prediction"] == "direction"
    return [name for name, metric in METRICS[task].items() if not (scaleless and metric.needs_scale)]


def _metric_faults(metrics: Any, known: list[str]) -> list[Fault]:
    listed = isinstance(metrics, list) and all(isinstance(name, str) for name in metrics)
    if not listed and not isinstance(metrics, str):
        return []  # the wrong type has been reported
    if not known:
        return []  # the data does not fit the loss, which has been reported
    names = _metric_names(metrics, known)
    if not names or len(set(names)) < len(names):
        return [Fault("metrics", metrics, f"needs one or more different names: {', '.join(known)}")]
    return [
        Fault("metrics", name, f"{did_you_mean(name, known)}Here one can have: {', '.join(known)}")
        for name in names
        if name not in known
    ]


def _metric_names(metrics: str | list[str], known: list[str]) -> list[str]:
    if metrics == "auto":
        return known
    return [metrics] if isinstance(metrics, str) else metrics
