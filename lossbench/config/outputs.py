"""Derive the outputs from the losses and the data that were chosen."""

from collections.abc import Sequence

from lossbench import registry
from lossbench.config.sections import Choice, ChosenOutput, ChosenTerm, DataSection, ModelSection
from lossbench.tasks import TASKS, Scaling, Task

ALL_METRICS = "auto"  # in place of a list of metrics; the primary one is then chosen for the data


def outputs_of(terms: Sequence[ChosenTerm], source: Choice[DataSection] | None) -> list[ChosenOutput]:
    """Return the outputs that the terms judge, in the order in which they are first named."""
    by_name: dict[str, list[ChosenTerm]] = {}
    for term in terms:
        by_name.setdefault(term.output, []).append(term)
    return [
        ChosenOutput(name, _task_of(members[0], source), tuple(members)) for name, members in by_name.items()
    ]


def _task_of(term: ChosenTerm, source: Choice[DataSection] | None) -> Task:
    """Return the task of the term's target: the one that the data states, or else that of the loss."""
    stated = None if source is None else stated_task(source, term.output)
    if stated is None or term.info.task.reads_as is not None:
        return term.info.task
    return stated


def stated_task(source: Choice[DataSection], output: str) -> Task | None:
    """Return the task that the data states for an output's target; None if it leaves that to the loss."""
    info = registry.dataset(source.name)
    if info.is_table:
        stated = source.parameters["task"]
        return TASKS.get(stated if isinstance(stated, str) else stated.get(output, ""))
    return info.task or (info.tasks or {}).get(output)


def target_names(source: Choice[DataSection]) -> list[str] | None:
    """Return the names of the data's targets; None if it has a single one, which any output may judge."""
    info = registry.dataset(source.name)
    if info.is_table:
        target = source.parameters["target"]
        return [target] if isinstance(target, str) else list(target)
    return None if info.tasks is None else list(info.tasks)


def known_metrics(outputs: Sequence[ChosenOutput], source: Choice[DataSection] | None) -> list[str]:
    """Return all metrics that a config of these outputs can name."""
    weighted = source is not None and source.weighs_rows
    return [name for output in outputs for name in output.metric_names(weighted=weighted)]


def metric_names(metrics: str | list[str], known: list[str]) -> list[str]:
    """Return the metrics that ``metrics`` means: all that are known for ``auto``, else those listed."""
    if metrics == ALL_METRICS:
        return known
    return [metrics] if isinstance(metrics, str) else metrics


def output_activation(output: ChosenOutput, model: Choice[ModelSection]) -> str:
    """Return the activation of an output's head: the one that the config asks for, else the loss's."""
    asked = asked_activation(output, model)
    return output.terms[0].activation(output.task) if asked == "auto" else asked


def asked_activation(output: ChosenOutput, model: Choice[ModelSection]) -> str:
    """Return what a config asks of an output: an activation, or ``auto``."""
    asked = model.common.output_activation
    return asked if isinstance(asked, str) else asked.get(output.name, "auto")


def target_scaling(
    output: ChosenOutput, source: Choice[DataSection], model: Choice[ModelSection]
) -> Scaling | None:
    """Return the units in which the network predicts an output; None for those of the data."""
    scaling, data = output.task.scaling, source.common
    if scaling is None or not all(term.info.encoding.can_be_scaled for term in output.terms):
        return None
    if data.scale_target:
        return scaling if scaling.is_centred or data.scale_output else None
    has_no_units = output_activation(output, model) in scaling.activations
    return scaling if has_no_units and data.scale_output else None


def unscaled_terms(output: ChosenOutput, source: Choice[DataSection]) -> frozenset[str]:
    """Return the terms of an output whose losses are given the units of the data."""
    keeps = not source.common.scale_target
    return frozenset(term.name for term in output.terms if keeps or term.info.in_user_units)
