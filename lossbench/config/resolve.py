"""What a config may say: every section typed, every issue found, all of them in one report."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, create_model

from lossbench import losses, registry
from lossbench.config.compatibility import combination_issues
from lossbench.config.outputs import UNSCALED_TASKS, about, known_metrics, metric_names, outputs_of
from lossbench.config.sections import (
    Choice,
    ChosenTerm,
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    Output,
    OutputsSection,
    RegularizerSection,
    ScheduleSection,
    TopSection,
    TrainerSection,
)
from lossbench.errors import ConfigError, Issue, did_you_mean
from lossbench.signatures import Section, issues, keyword_parameters, parameter_model
from lossbench.training import network as models
from lossbench.training import optimizers, regularizers, schedules


@dataclass(frozen=True)
class Config:
    """A run's config, checked: what the factory builds from."""

    seed: int
    replicates: int
    outputs: list[Output]
    metrics: list[str]
    loss: str
    label: str
    data: Choice[DataSection]
    model: Choice[ModelSection]
    optimizer: Choice[OptimizerSection]
    schedule: Choice[ScheduleSection]
    regularizer: Choice[RegularizerSection]
    trainer: TrainerSection

    @property
    def seeds(self) -> list[int]:
        """One per replicate."""
        return list(range(self.seed, self.seed + self.replicates))

    def metrics_of(self, output: Output) -> list[str]:
        """The metrics of one output, without its prefix."""
        known = known_metrics([output], self.data)
        return [name.removeprefix(output.prefix) for name in self.metrics if name in known]


# Where each group's callables are looked up: in what lossbench itself defines, and nowhere else.
_GROUPS: dict[str, tuple[Callable[[str], Callable[..., Any]], type[Section]]] = {
    "data": (lambda name: registry.load("data", name), DataSection),
    "model": (vars(models).__getitem__, ModelSection),
    "optimizer": (vars(optimizers).__getitem__, OptimizerSection),
    "schedule": (vars(schedules).__getitem__, ScheduleSection),
    "regularizer": (vars(regularizers).__getitem__, RegularizerSection),
}


def check(config: Mapping[str, Any]) -> Config:
    """The config, typed.

    Args:
        config: resolved, as plain dicts and lists.

    Raises:
        ConfigError: with every issue, each with its key, its value and what to write instead.
    """
    found: list[Issue] = []
    terms = _terms(config.get("loss"), found)
    chosen: dict[str, Any] = {}
    for group, (lookup, section) in _GROUPS.items():
        chosen[group] = _choice(group, group, config.get(group), lookup, section, found)
    top = {key: value for key, value in config.items() if key not in (*_GROUPS, "loss", "trainer")}
    found += issues(TopSection, top, "the config", "", registry.similar_key)
    found += _section_issues(TrainerSection, config.get("trainer"), "the trainer", "trainer")
    found += combination_issues(config.get("metrics"), terms, **chosen)
    if found:
        raise ConfigError(found)
    outputs = outputs_of(terms, chosen["data"])
    trainer = TrainerSection.model_validate(config["trainer"])
    return Config(
        config["seed"],
        config["replicates"],
        outputs,
        metric_names(config["metrics"], known_metrics(outputs, chosen["data"])),
        config["loss"]["name"],
        config["loss"]["label"] or config["loss"]["name"],
        trainer=trainer,
        **chosen,
    )


def scales_target(config: Config, output: Output) -> bool:
    """Whether a target is standardised: a real one only, whose domain has no bounds, and if wanted."""
    real = all(about(term.loss)["target"] == "real" for term in output.terms)
    return real and output.task not in UNSCALED_TASKS and config.data.common.scale_target


def _terms(section: Any, found: list[Issue]) -> list[ChosenTerm]:
    """The losses of a config: the one, or those of ``loss=outputs``."""
    if not isinstance(section, Mapping) or section.get("name") != "outputs":
        if isinstance(section, Mapping) and section.get("outputs"):
            term = next(iter(section["outputs"]))
            hint = (
                f"is one loss, and this config has outputs; change one of theirs: loss@loss.outputs.{term}="
            )
            found.append(Issue("loss", section.get("name"), hint + str(section.get("name"))))
            return []
        single = _choice("loss", "loss", section, losses.function, LossSection, found)
        return [] if single is None else [ChosenTerm(single.common.name, "loss", single)]
    found += _section_issues(OutputsSection, section, "loss=outputs", "loss")
    outputs, weights = section.get("outputs"), section.get("weights")
    if not isinstance(outputs, Mapping) or not outputs:
        hint = "needs a loss for each output: +loss@loss.outputs.NAME=huber"
        found.append(Issue("loss.outputs", outputs, hint))
        return []
    weights = weights if isinstance(weights, Mapping) else {}
    found += _weight_issues(weights, list(map(str, outputs)))
    terms = []
    for name, values in outputs.items():
        key = f"loss.outputs.{name}"
        if isinstance(values, Mapping):
            values = {"reduction": section.get("reduction"), **values}
        loss = _choice("loss", key, values, losses.function, LossSection, found)
        if loss is not None:
            terms.append(ChosenTerm(str(name), key, loss, float(_number(weights.get(name, 1.0)))))
    return terms


def _weight_issues(weights: Mapping[Any, Any], terms: list[str]) -> list[Issue]:
    found = []
    for name, weight in weights.items():
        key = f"loss.weights.{name}"
        if str(name) not in terms:
            near = did_you_mean(str(name), terms, "loss.weights.")
            found.append(Issue(key, weight, f"is the weight of no term. {near}The terms: {', '.join(terms)}"))
        elif _number(weight) != weight or not 0 <= weight < math.inf:
            found.append(Issue(key, weight, "must be a number at least 0"))
    if terms and not found and all(weights.get(name, 1) == 0 for name in terms):
        found.append(Issue("loss.weights", dict(weights), "are all 0: there is nothing to train"))
    return found


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _choice(
    group: str,
    place: str,
    values: Any,
    lookup: Callable[[str], Callable[..., Any]],
    section: type[Section],
    found: list[Issue],
) -> Choice[Any] | None:
    name = values.get("name") if isinstance(values, Mapping) else None
    known = [one for one in registry.names(group) if one != "outputs"]
    if name not in known:
        chooser = f"{group}=" if place == group else f"{group}@{place}="
        meant = did_you_mean(str(name), known, chooser)
        key, value = (f"{place}.name", name) if isinstance(values, Mapping) else (place, values)
        found.append(Issue(key, value, f"{meant}Choose one with {chooser}: {', '.join(known)}"))
        return None
    function = lookup(name)
    model = _component_model(function, section)
    mistakes = _section_issues(model, values, name, place)
    found += mistakes
    wrong = {issue.key.removeprefix(f"{place}.") for issue in mistakes}
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


def _section_issues(model: type[BaseModel], values: Any, owner: str, key: str) -> list[Issue]:
    if not isinstance(values, Mapping):
        return [Issue(key, values, f"is a section: set its keys, as {key}.KEY=VALUE")]
    # OmegaConf writes ??? for a value that must be given
    given = {name: value for name, value in values.items() if value != "???"}
    return issues(model, given, owner, key, _where_it_belongs)


def _where_it_belongs(key: str) -> str:
    """Of a key that is unknown where it stands: the choices of its group that have it, or its section."""
    place, _, name = key.rpartition(".")
    group = place.partition(".")[0]
    owners = [f"{group}={other}" for other in registry.names(group) if name in registry.read(group, other)]
    if owners:
        return f"It belongs to {' or '.join(owners)}. "
    same_name = [
        k for k in registry.config_keys() if k.endswith(f".{name}") and name not in ("name", "about")
    ]
    return f"Did you mean {same_name[0]}? " if same_name else ""
