"""What a config may say: every section typed, every fault found, all of them in one report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, create_model

from lossbench import choices, data, losses, models, optimizers, schedules
from lossbench.combinations import (
    UNSCALED_TASKS,
    about,
    combination_faults,
    known_metrics,
    metric_names,
    task_of,
)
from lossbench.data.dataset import Task
from lossbench.errors import ConfigError, Fault, did_you_mean
from lossbench.parameters import Section, faults, keyword_parameters, parameter_model
from lossbench.sections import (
    Choice,
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    ScheduleSection,
    TopSection,
    TrainerSection,
)


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
    found += faults(TopSection, top, "the config", "", choices.similar_key)
    found += _section_faults(TrainerSection, config.get("trainer"), "the trainer", "trainer")
    found += combination_faults(config.get("metrics"), **chosen)
    if found:
        raise ConfigError(found)
    task = task_of(chosen["loss"], chosen["data"])
    metrics = metric_names(config["metrics"], known_metrics(chosen["loss"], task))
    trainer = TrainerSection.model_validate(config["trainer"])
    return Config(config["seed"], config["replicates"], task, metrics, trainer=trainer, **chosen)


def scales_target(config: Config) -> bool:
    """Whether targets are standardised: real ones only, whose domain has no bounds, and if wanted."""
    real = about(config.loss)["target"] == "real" and config.task not in UNSCALED_TASKS
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
