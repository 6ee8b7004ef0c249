"""Check loss, data, model and metrics against each other. This module imports no torch."""

from collections.abc import Sequence
from typing import Any

from lossbench import registry
from lossbench.config.data_compatibility import data_issues
from lossbench.config.outputs import asked_activation, known_metrics, metric_names, outputs_of
from lossbench.config.sections import (
    ONLY_HEAD,
    Choice,
    ChosenOutput,
    ChosenTerm,
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    RegularizerSection,
)
from lossbench.errors import Issue, did_you_mean
from lossbench.signatures import REDUCTIONS, canonical_reduction

_KERNELS_ONLY = ("orthogonal",)  # regularizers that need a matrix


def compatibility_issues(
    metrics: Any,
    terms: Sequence[ChosenTerm],
    data: Choice[DataSection] | None,
    model: Choice[ModelSection] | None,
    optimizer: Choice[OptimizerSection] | None,
    regularizer: Choice[RegularizerSection] | None,
    **_: Any,
) -> list[Issue]:
    """Return every issue between sections; a section that could not be read (None) hides no other issue."""
    issues = [issue for term in terms for issue in _loss_issues(term)]
    if data is not None:
        issues += data_issues(terms, data)
    outputs = outputs_of(terms, data)
    if outputs:
        issues += _metric_issues(metrics, known_metrics(outputs, data))
    for output in outputs:
        issues += _agreement_issues(output)
        if model is not None:
            issues += [issue for term in output.terms for issue in _activation_issues(term, output, model)]
    if optimizer is not None:
        issues += _optimizer_issues(optimizer)
    if model is not None:
        names = [output.name for output in outputs if output.name]
        issues += _output_name_issues(model, names)
        if regularizer is not None:
            issues += _regularizer_issues(regularizer, model, names)
    return issues


def _loss_issues(term: ChosenTerm) -> list[Issue]:
    issues = []
    loss, key = term.loss, term.key
    if not term.info.is_custom and not loss.common.about.items() <= term.info.facts.items():
        hint = "does not fit the rest of the loss section: choose a loss by loss=, not by setting its keys"
        issues.append(Issue(f"{key}.name", loss.name, hint))
    if term.is_single and loss.common.output is not None:
        hint = f"is for the terms of loss={registry.OUTPUTS}; a single loss judges the only output"
        issues.append(Issue("loss.output", loss.common.output, hint))
    return issues + parameter_issues(loss, key)


def parameter_issues(loss: Choice[LossSection], key: str) -> list[Issue]:
    """Return what is wrong with parameters of a loss that depend on nothing else.

    Args:
        loss: as chosen.
        key: where it stands in the config.
    """
    issues = []
    try:
        reduction = canonical_reduction(loss.common.reduction)
    except ValueError:
        meant = did_you_mean(loss.common.reduction, REDUCTIONS)
        expected = f"{meant}Choose one of: {', '.join(REDUCTIONS[:-1])}"
        issues.append(Issue(f"{key}.reduction", loss.common.reduction, expected))
    else:
        if reduction == "none":
            hint = f"keeps one value per sample, which cannot be trained; leave {key}.reduction out"
            issues.append(Issue(f"{key}.reduction", loss.common.reduction, hint))
    axis = loss.parameters.get("axis", -1)
    if axis not in (-1, None):
        hint = "predictions of a run are (samples, units): the axis must be -1"
        issues.append(Issue(f"{key}.axis", axis, hint))
    return issues


def _agreement_issues(output: ChosenOutput) -> list[Issue]:
    """Check that the terms that judge one output read it in the same way."""
    first, *others = output.terms
    issues = []
    for other in others:
        for what, expected, given, way in (
            ("units", first.info.units, other.info.units, ""),
            ("numbers per unit", first.numbers, other.numbers, ""),
            (
                "predictions",
                first.activation(output.task),
                other.activation(output.task),
                "both from_logits=true, or ",
            ),
        ):
            if expected != given:
                hint = (
                    f"judges '{output.name}' along with {first.name}, which reads other {what} ({expected}, "
                    f"this term {given}); give {way}each an output of its own"
                )
                issues.append(Issue(other.key, other.loss.name, hint))
                break
    return issues


def _activation_issues(term: ChosenTerm, output: ChosenOutput, model: Choice[ModelSection]) -> list[Issue]:
    activation, space = asked_activation(output, model), term.info.space
    needed = term.activation(output.task)
    if activation in {"auto", needed} | space.also:
        return []
    key, loss = term.key, term.loss
    if term.from_logits:
        hint = (
            f"{key}.from_logits=true applies the {space.activation} itself: leave "
            f"model.output_activation=auto, or set {key}.from_logits=false"
        )
    elif "from_logits" in loss.parameters and activation == "linear":
        hint = (
            f"loss={loss.name} reads what a {needed} gives: for a linear output set "
            f"{key}.from_logits=true, or leave model.output_activation=auto"
        )
    else:
        hint = f"loss={loss.name} needs a {needed} output: leave model.output_activation=auto"
    return [Issue("model.output_activation", activation, hint)]


def _output_name_issues(model: Choice[ModelSection], names: list[str]) -> list[Issue]:
    activations = model.common.output_activation
    if isinstance(activations, str):
        return []
    missing = [name for name in names if name not in activations]
    unknown = [name for name in activations if name not in names]
    if not missing and not unknown:
        return []
    expected = ", ".join(names) or "the only output has no name, so give one activation"
    return [Issue("model.output_activation", activations, f"needs one for each output: {expected}")]


def _regularizer_issues(
    regularizer: Choice[RegularizerSection], model: Choice[ModelSection], outputs: list[str]
) -> list[Issue]:
    targets, layers = regularizer.common.apply_to, regularizer.common.layers
    hidden = len(model.parameters["hidden_units"])
    issues = []
    penalizes = regularizer.name != registry.NONE
    if (not targets and penalizes) or len(set(targets)) < len(targets):
        hint = "must name kernel, bias or activity, or several, each once"
        issues.append(Issue("regularizer.apply_to", targets, hint))
    if regularizer.name in _KERNELS_ONLY and set(targets) != {"kernel"}:
        hint = f"{regularizer.name} is for kernels: regularizer.apply_to=[kernel]"
        issues.append(Issue("regularizer.apply_to", targets, hint))
    known = [*range(hidden), *(outputs or [ONLY_HEAD])]
    unknown = [layer for layer in layers or [] if layer not in known]
    if unknown or layers == []:
        hint = f"name hidden layers by number and output layers by name: {', '.join(map(str, known))}"
        issues.append(Issue("regularizer.layers", layers, hint))
    elif targets == ["activity"] and not any(isinstance(layer, int) for layer in layers or range(hidden)):
        hint = "activity is the output of hidden layers, and none is chosen"
        issues.append(Issue("regularizer.apply_to", targets, hint))
    return issues


def _optimizer_issues(optimizer: Choice[OptimizerSection]) -> list[Issue]:
    if optimizer.parameters.get("nesterov") and optimizer.parameters["momentum"] == 0:
        return [Issue("optimizer.nesterov", True, "needs momentum: set optimizer.momentum=0.9")]
    return []


def _metric_issues(metrics: Any, known: list[str]) -> list[Issue]:
    listed = isinstance(metrics, list) and all(isinstance(name, str) for name in metrics)
    if not listed and not isinstance(metrics, str):
        return []  # the wrong type has been reported
    if not known:
        return []  # the data does not fit the loss, which has been reported
    names = metric_names(metrics, known)
    if not names or len(set(names)) < len(names):
        return [Issue("metrics", metrics, f"needs one or more different names: {', '.join(known)}")]
    if names[0].rpartition("/")[2].startswith("weighted_"):
        hint = f"is computed at the end alone; put the metric to monitor before it, as {known[0]}"
        return [Issue("metrics", names[0], hint)]
    return [
        Issue("metrics", name, f"{did_you_mean(name, known)}Here you can choose: {', '.join(known)}")
        for name in names
        if name not in known
    ]
