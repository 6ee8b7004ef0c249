"""Check a config: every section typed, every issue in one report. No torch."""

import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, create_model

from lossbench import registry
from lossbench.config.compatibility import compatibility_issues, parameter_issues
from lossbench.config.custom_facts import fact_issues
from lossbench.config.outputs import known_metrics, metric_names, outputs_of
from lossbench.config.sections import (
    Choice,
    ChosenOutput,
    ChosenTerm,
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    OutputsSection,
    RegularizerSection,
    ScheduleSection,
    TopSection,
    TrainerSection,
)
from lossbench.errors import ConfigError, Issue, did_you_mean
from lossbench.registry import LossInfo
from lossbench.signatures import Section, issues, model_fields

_SECTIONS: dict[str, type[Section]] = {
    "data": DataSection,
    "model": ModelSection,
    "optimizer": OptimizerSection,
    "schedule": ScheduleSection,
    "regularizer": RegularizerSection,
}


@dataclass(frozen=True)
class CheckedConfig:
    """A config without issues; its components are named but not yet imported."""

    top: TopSection
    loss: str
    label: str
    terms: tuple[ChosenTerm, ...]
    outputs: tuple[ChosenOutput, ...]
    metrics: tuple[str, ...]
    data: Choice[DataSection]
    model: Choice[ModelSection]
    optimizer: Choice[OptimizerSection]
    schedule: Choice[ScheduleSection]
    regularizer: Choice[RegularizerSection]
    trainer: TrainerSection


def check(config: Mapping[str, Any], *, files: bool = True) -> CheckedConfig:
    """Return the config, typed.

    Args:
        config: the config as plain dicts and lists, with interpolations resolved.
        files: whether the user's table must exist; a record is read without it.

    Raises:
        ConfigError: with every issue, each with its key, its value and what to write instead.
    """
    found_issues: list[Issue] = []
    terms = _terms(config.get("loss"), found_issues)
    chosen: dict[str, Any] = {
        group: _choice(group, group, config.get(group), section, found_issues)
        for group, section in _SECTIONS.items()
    }
    top = {key: value for key, value in config.items() if key not in (*_SECTIONS, "loss", "trainer")}
    found_issues += issues(TopSection, top, "the config", "", registry.similar_key)
    found_issues += _section_issues(TrainerSection, config.get("trainer"), "the trainer", "trainer")
    found_issues += compatibility_issues(config.get("metrics"), terms, **chosen)
    if files and chosen["data"] is not None:
        found_issues += _file_issues(chosen["data"])
    if found_issues:
        raise ConfigError(found_issues)
    outputs = outputs_of(terms, chosen["data"])
    return CheckedConfig(
        top=TopSection.model_validate(top),
        loss=config["loss"]["name"],
        label=config["loss"]["label"] or config["loss"]["name"],
        terms=tuple(terms),
        outputs=tuple(outputs),
        metrics=tuple(metric_names(config["metrics"], known_metrics(outputs, chosen["data"]))),
        trainer=TrainerSection.model_validate(config["trainer"]),
        **chosen,
    )


def _terms(section: Any, found_issues: list[Issue]) -> list[ChosenTerm]:
    """Return the losses of a config: the only one, or those of ``loss=outputs``."""
    several = isinstance(section, Mapping) and section.get("name") == registry.OUTPUTS
    if not several:
        if isinstance(section, Mapping) and section.get("outputs"):
            term, name = next(iter(section["outputs"])), section.get("name")
            change = f"loss@loss.outputs.{term}={name}"
            hint = f"is a single loss, but this config has outputs; change the loss of one: {change}"
            found_issues.append(Issue("loss", name, hint))
            return []
        term = _term("", "loss", section, 1.0, found_issues)
        return [] if term is None else [term]
    found_issues += _section_issues(OutputsSection, section, f"loss={registry.OUTPUTS}", "loss")
    outputs, weights = section.get("outputs"), section.get("weights")
    if not isinstance(outputs, Mapping) or not outputs:
        hint = "needs a loss for each output: +loss@loss.outputs.NAME=huber"
        found_issues.append(Issue("loss.outputs", outputs, hint))
        return []
    weights = weights if isinstance(weights, Mapping) else {}
    found_issues += _weight_issues(weights, list(map(str, outputs)))
    terms = []
    for name, values in outputs.items():
        if isinstance(values, Mapping):
            values = {"reduction": section.get("reduction"), **values}
        weight = float(_number(weights.get(name, 1.0)))
        terms.append(_term(str(name), f"loss.outputs.{name}", values, weight, found_issues))
    return [term for term in terms if term is not None]


def _term(name: str, key: str, values: Any, weight: float, found_issues: list[Issue]) -> ChosenTerm | None:
    """Return a term whose loss and facts are right, else None."""
    loss = _choice("loss", key, values, LossSection, found_issues)
    if loss is None:
        return None
    if loss.name == registry.CUSTOM:
        wrong = fact_issues(loss.common.about, key)
        found_issues += wrong
        if wrong:
            found_issues += parameter_issues(loss, key)
            return None
        facts = {**registry.loss(registry.CUSTOM).facts, **loss.common.about}
        info = LossInfo.from_facts(loss.name, facts)
    else:
        info = registry.loss(loss.name)
    return ChosenTerm(name or loss.name, key, loss, info, weight)


def _weight_issues(weights: Mapping[Any, Any], terms: list[str]) -> list[Issue]:
    found_issues = []
    for name, weight in weights.items():
        key = f"loss.weights.{name}"
        if str(name) not in terms:
            near = did_you_mean(str(name), terms, "loss.weights.")
            found_issues.append(
                Issue(key, weight, f"does not belong to a term. {near}The terms: {', '.join(terms)}")
            )
        elif _number(weight) != weight or not 0 <= weight < math.inf:
            found_issues.append(Issue(key, weight, "must be a number at least 0"))
    if terms and not found_issues and all(weights.get(name, 1) == 0 for name in terms):
        found_issues.append(Issue("loss.weights", dict(weights), "are all 0, so that nothing is trained"))
    return found_issues


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _choice(
    group: str, key: str, values: Any, section: type[Section], found_issues: list[Issue]
) -> Choice[Any] | None:
    """Return a component with its parameters; None if it, or a parameter that must be given, is wrong."""
    name = values.get("name") if isinstance(values, Mapping) else None
    if not registry.has_definition(group, str(name)) or name not in registry.names(group):
        known = [choice for choice in registry.names(group) if choice != registry.OUTPUTS]
        chooser = f"{group}=" if key == group else f"{group}@{key}="
        meant = did_you_mean(str(name), known, chooser)
        place, value = (f"{key}.name", name) if isinstance(values, Mapping) else (key, values)
        found_issues.append(Issue(place, value, f"{meant}Choose one with {chooser}: {', '.join(known)}"))
        return None
    model = _component_model(group, name, section)
    mistakes = _section_issues(model, values, name, key)
    found_issues += mistakes
    wrong = {issue.key.removeprefix(f"{key}.") for issue in mistakes}
    if any(field in model.model_fields and model.model_fields[field].is_required() for field in wrong):
        return None
    # A wrong parameter is read as its default, so that the rest can still be checked
    checked = model.model_validate({k: v for k, v in values.items() if k not in wrong})
    parameters = {
        parameter.name: getattr(checked, parameter.name)
        for parameter in registry.definition(group, name).parameters
    }
    common = section.model_validate({field: getattr(checked, field) for field in section.model_fields})
    return Choice(name, parameters, common)


@cache
def _component_model(group: str, name: str, section: type[Section]) -> type[BaseModel]:
    """Return the model of a component's section: its parameters and the common keys."""
    fields = model_fields(registry.definition(group, name).parameters)
    return create_model(name, __base__=section, **fields)


def _section_issues(model: type[BaseModel], values: Any, owner: str, key: str) -> list[Issue]:
    if not isinstance(values, Mapping):
        return [Issue(key, values, f"is a section: set its keys, as {key}.KEY=VALUE")]
    # OmegaConf writes ??? for a value that must be given
    given = {name: value for name, value in values.items() if value != "???"}
    return issues(model, given, owner, key, _where_it_belongs)


def _where_it_belongs(key: str) -> str:
    """Return a sentence that says where an unknown key belongs: to choices of its group, or elsewhere."""
    place, _, name = key.rpartition(".")
    group = place.partition(".")[0]
    owners = [f"{group}={other}" for other in registry.names(group) if name in registry.read(group, other)]
    if owners:
        return f"It belongs to {' or '.join(owners)}. "
    keys = registry.config_keys()
    same_name = [
        known for known in keys if known.rpartition(".")[2] == name and name not in ("name", "about")
    ]
    return f"Did you mean {same_name[0]}? " if same_name else ""


def _file_issues(data: Choice[DataSection]) -> list[Issue]:
    """Return what is wrong with the path of the user's table, before anything slow is imported."""
    if not registry.dataset(data.name).is_table:
        return []
    path = data.parameters["path"]
    file = Path(path).expanduser()
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        return [Issue("data.path", path, f"cannot be read: {error.strerror}")]
    if mode is not None:
        hint = "is a folder; name the file in it"
        return [Issue("data.path", path, hint)] if stat.S_ISDIR(mode) else []
    nearby = (
        [entry.name for entry in file.parent.glob("*") if entry.is_file()] if file.parent.is_dir() else []
    )
    folder = f"{file.parent}/" if str(file.parent) != "." else ""
    hint = f"no such file; the working directory is {Path.cwd()}. {did_you_mean(file.name, nearby, folder)}"
    return [Issue("data.path", path, hint.rstrip())]
