"""Check whether the data has what the losses need: targets, tasks, rows, weights and corruption.

This module imports no torch.
"""

from collections.abc import Sequence

from lossbench import registry
from lossbench.config.outputs import outputs_of, stated_task, target_names
from lossbench.config.sections import Choice, ChosenOutput, ChosenTerm, DataSection
from lossbench.errors import Issue, did_you_mean
from lossbench.tasks import Task


def data_issues(terms: Sequence[ChosenTerm], source: Choice[DataSection]) -> list[Issue]:
    """Return what is wrong between the losses and the data."""
    issues = []
    section, info = source.common, registry.dataset(source.name)
    if section.validation + section.test >= 1:
        hint = f"data.test and data.validation={section.validation} leave no rows to train on: lower them"
        issues.append(Issue("data.test", section.test, hint))
    if section.about is not None and section.about != info.facts:
        issues.append(Issue("data.about", ..., "holds the facts of a data set, which are not for setting"))
    if not terms:
        return issues
    issues += _target_issues(terms, source) or [
        issue for term in terms for issue in _task_issues(term, source)
    ]
    issues += _training_part_issues(outputs_of(terms, source), source)
    for term in terms:
        smallest = term.info.task.smallest_batch
        if section.batch_size < smallest:
            hint = f"{term.name} needs positive and negative samples in a batch: at least {smallest}"
            issues.append(Issue("data.batch_size", section.batch_size, hint))
            break
    return issues


def _target_issues(terms: Sequence[ChosenTerm], source: Choice[DataSection]) -> list[Issue]:
    """Check that the outputs that are judged are those that the data has."""
    known, is_table = target_names(source), registry.dataset(source.name).is_table
    if terms[0].is_single:
        if known is None or is_table:
            return []
        shown = " ".join(f"+loss@loss.outputs.{target}=..." for target in known)
        judged = f"has the targets {', '.join(known)}, and a single loss judges only one"
        hint = f"{judged}. Write loss={registry.OUTPUTS} {shown}"
        return [Issue("data", source.name, hint)]
    outputs = list(dict.fromkeys(term.output for term in terms))
    if known is None:
        if len(outputs) == 1:
            return []
        hint = f"has one target, and the terms judge {len(outputs)} outputs: {', '.join(outputs)}"
        return [Issue("data", source.name, f"{hint}. Set loss.outputs.<term>.output to the same for all")]
    issues = []
    for term in terms:
        if term.output not in known:
            near = did_you_mean(term.output, known)
            hint = f"is not a target of data={source.name}. {near}Its targets: {', '.join(known)}"
            issues.append(Issue(f"{term.key}.output", term.output, hint))
    not_judged = [target for target in known if target not in outputs] if is_table and not issues else []
    if not_judged:
        names = ", ".join(not_judged)
        hint = f"no term judges {names}: add +loss@loss.outputs.{not_judged[0]}=..., or exclude it"
        issues.append(Issue("data.target", source.parameters["target"], hint))
    return issues


def _task_issues(term: ChosenTerm, source: Choice[DataSection]) -> list[Issue]:
    """Check that the loss can be given the target that the data has."""
    name, info, is_table = source.name, term.info, registry.dataset(source.name).is_table
    stated = stated_task(source, term.output)
    if stated is None and is_table and not info.task.source.from_table:
        hint = f"a table's column cannot be what loss={info.name} is for ({info.task})"
        return [Issue("data", name, f"{hint}. Choose {' or '.join(_fitting_data(term))}")]
    if stated is None or info.encoding.name in stated.encodings:
        return []
    chooser = "loss=" if term.is_single else f"loss@{term.key}="
    fitting = [f"{chooser}{other}" for other in registry.losses() if _fits(other, stated)]
    data = _fitting_data(term) if term.is_single else []
    key, value = ("data.task", stated.name) if is_table else ("data", name)
    hint = f"is {stated}, and loss={info.name} is for {info.task} targets. Choose " + " or ".join(
        [*fitting, ", or ".join(data)] if data else fitting
    )
    return [Issue(key, value, hint)]


def _training_part_issues(outputs: list[ChosenOutput], source: Choice[DataSection]) -> list[Issue]:
    """Check that weights and corruption fit the targets and the losses."""
    section, issues = source.common, []
    classes = any(output.task.has_classes for output in outputs)
    numbers = any(output.task.is_numeric for output in outputs)
    for key, used, fits, needed in (
        ("class_weight", section.class_weight is not None, classes, "classes"),
        ("label_noise", section.label_noise > 0, classes, "classes"),
        ("imbalance", section.imbalance > 1, classes, "classes"),
        ("outliers", section.outliers > 0, numbers, "numbers"),
    ):
        if used and not fits:
            issues.append(Issue(f"data.{key}", getattr(section, key), f"is for targets that are {needed}"))
    weights = {
        "data.class_weight": section.class_weight is not None,
        "data.missing_labels": section.missing_labels > 0,
        "data.weight": source.weighs_rows,
    }
    scalar = [term for output in outputs for term in output.terms if term.info.is_scalar]
    for key in [key for key, used in weights.items() if used and scalar]:
        hint = f"weighs rows, and {scalar[0].loss.name} gives one scalar for a whole batch: leave it out"
        issues.append(Issue(key, ..., hint))
    return issues


def _fitting_data(term: ChosenTerm) -> list[str]:
    """Return the bundled data that the loss fits, as typed, its default first."""
    tasks = {name: registry.dataset(name).task for name in registry.bundled_data()}
    fitting = [name for name, task in tasks.items() if task and term.info.encoding.name in task.encodings]
    return [f"data={name}" for name in sorted(fitting, key=lambda name: name != term.info.data)]


def _fits(loss: str, task: Task) -> bool:
    return registry.loss(loss).encoding.name in task.encodings
