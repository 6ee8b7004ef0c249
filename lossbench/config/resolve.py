"""Resolve a config: import its components, and bind everything that a run is built from."""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import torch

from lossbench import registry
from lossbench.config.check import CheckedConfig, check
from lossbench.config.outputs import ALL_METRICS, output_activation, target_scaling, unscaled_terms
from lossbench.config.run_config import RunConfig
from lossbench.config.sections import Choice, ChosenOutput, ChosenTerm, ModelSection, TrainerSection
from lossbench.data.corruption import Corruption
from lossbench.data.settings import DataSettings, TargetSettings
from lossbench.signatures import canonical_reduction
from lossbench.training.objective import Penalty, Term
from lossbench.training.settings import OutputSettings, PrimaryMetric, Start, TrainingSettings


def resolve(values: Mapping[str, Any]) -> RunConfig:
    """Return everything that a run is built from.

    Args:
        values: the composed config, as plain dicts and lists.

    Raises:
        ConfigError: the config has issues; the error holds all of them.
        UserError: a custom loss is not trusted, does not exist, or is not a loss.
    """
    return bind(check(values))


def bind(config: CheckedConfig) -> RunConfig:
    """Return everything that a run is built from, of a config that has been checked.

    Raises:
        UserError: a custom loss is not trusted, does not exist, or is not a loss.
    """
    outputs = tuple(_output(config, output) for output in config.outputs)
    return RunConfig(
        loss=config.loss,
        label=config.label,
        seeds=tuple(range(config.top.seed, config.top.seed + config.top.replicates)),
        primary=None if config.top.metrics == ALL_METRICS else _primary(config.metrics[0], outputs),
        outputs=outputs,
        data=data_settings(config),
        training=_training(config),
    )


def _output(config: CheckedConfig, output: ChosenOutput) -> OutputSettings:
    first = output.terms[0]
    space = first.info.space
    weighted = config.data.weighs_rows
    known = output.metric_names(weighted=weighted)
    reads_logits = first.from_logits or space.is_score
    return OutputSettings(
        name=output.name,
        head=output.head,
        task=output.task,
        target=TargetSettings(
            name=output.name,
            encodings={term.name: term.info.encoding for term in output.terms},
            scaling=target_scaling(output, config.data, config.model),
            user_units=unscaled_terms(output, config.data),
        ),
        units=first.info.units,
        numbers=first.numbers,
        start=_start(output, config.model),
        point=first.info.point,
        activation=output_activation(output, config.model),
        decode_activation=(output.task.logits if reads_logits else None) or "linear",
        shows_probabilities=output.task.has_probabilities and not space.is_score,
        metrics=tuple(name.removeprefix(output.prefix) for name in config.metrics if name in known),
        terms=tuple(_term(term, output.head) for term in output.terms),
    )


def _start(output: ChosenOutput, model: Choice[ModelSection]) -> Start:
    """Return what the untrained head of an output predicts."""
    space = output.terms[0].info.space
    if model.common.initial_output == "random":
        return "random"
    if output.task.has_probabilities and not space.is_score:
        return "priors"
    return "best_constant" if output.task.is_numeric and space.is_quantity else "random"


def _term(term: ChosenTerm, head: str) -> Term:
    """Return the term; a custom loss is made from its parameters, and then takes none."""
    function, parameters = registry.load("loss", term.loss.name), term.loss.parameters
    if term.info.is_custom:
        function, parameters = function(**parameters), {}
    return Term(
        name=term.name,
        output=head,
        function=function,
        parameters=parameters,
        reduction=canonical_reduction(term.loss.common.reduction),
        couples_samples=term.info.couples_samples,
        key=term.key,
        weight=term.weight,
    )


def _primary(name: str, outputs: tuple[OutputSettings, ...]) -> PrimaryMetric:
    return next(
        PrimaryMetric(plain_name, output, "asked for")
        for output in outputs
        for plain_name in output.metrics
        if output.prefix + plain_name == name
    )


def data_settings(config: CheckedConfig) -> DataSettings:
    """Return what a run asks of its data; this imports no code of the user."""
    section, parameters = config.data.common, dict(config.data.parameters)
    if registry.dataset(config.data.name).is_table:
        read_as = {output.name: output.task.source.name for output in config.outputs}
        parameters["task"] = read_as.get("", read_as)
    corruption = {field.name: getattr(section, field.name) for field in fields(Corruption)}
    return DataSettings(
        name=config.data.name,
        load=partial(registry.load("data", config.data.name), **parameters),
        validation=section.validation,
        test=section.test,
        stratify=section.stratify,
        balance_classes=section.class_weight is not None,
        corruption=Corruption(**corruption),
        feature_limit=section.feature_limit,
    )


def _training(config: CheckedConfig) -> TrainingSettings:
    trainer, optimizer, schedule = config.trainer, config.optimizer, config.schedule
    make_schedule = registry.load("schedule", schedule.name)
    varies = schedule.name != registry.CONSTANT or schedule.common.warmup_steps > 0
    return TrainingSettings(
        make_network=partial(registry.load("model", config.model.name), **config.model.parameters),
        embedding_units=config.model.common.embedding_units,
        make_optimizer=partial(registry.load("optimizer", optimizer.name), **optimizer.parameters),
        base_learning_rate=optimizer.parameters["lr"],
        schedule=partial(make_schedule, **schedule.parameters) if varies else None,
        warmup_steps=schedule.common.warmup_steps,
        penalty=_penalty(config),
        batch_size=config.data.common.batch_size,
        max_epochs=None if trainer.max_epochs == "auto" else trainer.max_epochs,
        max_steps=trainer.max_steps,
        early_stopping=None if trainer.early_stopping == "auto" else trainer.early_stopping,
        patience=_patience(trainer, schedule.name),
        average=trainer.average,
        keep=trainer.keep,
        clip=trainer.clip,
        accelerator=trainer.accelerator,
        precision=trainer.precision,
        dtype=torch.float64 if str(trainer.precision).startswith("64") else torch.float32,
        threads=trainer.threads,
    )


def _patience(trainer: TrainerSection, schedule: str) -> int | None:
    """Return the steps of patience; None where the config, a number of epochs or a schedule sets the end."""
    has_end = trainer.max_epochs != "auto" or schedule != registry.CONSTANT
    return None if has_end or trainer.early_stopping != "auto" else trainer.patience


def _penalty(config: CheckedConfig) -> Penalty | None:
    """Return the penalty of the regularizer, or None if there is none."""
    regularizer = config.regularizer
    if regularizer.name == registry.NONE:
        return None
    return Penalty(
        registry.load("regularizer", regularizer.name),
        regularizer.parameters,
        regularizer.common.apply_to,
        regularizer.common.layers,
    )
