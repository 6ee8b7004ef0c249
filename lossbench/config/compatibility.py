"""What does not go together: loss, data, model and metrics checked against each other."""

from collections.abc import Sequence
from typing import Any

from lossbench import registry
from lossbench.config.outputs import (
    CLASS_TASKS,
    EMBEDDING_SPACES,
    EMBEDDING_TASKS,
    ENCODINGS,
    NUMBER_TASKS,
    SCORED_TASKS,
    SPACE_ACTIVATIONS,
    about,
    asked_activation,
    known_metrics,
    metric_names,
    natural_activation,
    output_name,
    outputs_of,
    stated_task,
    target_names,
)
from lossbench.config.sections import (
    Choice,
    ChosenTerm,
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    Output,
    RegularizerSection,
)
from lossbench.errors import Issue, did_you_mean
from lossbench.losses.reduction import REDUCTIONS, canonical_reduction
from lossbench.tasks import TABLE_TASKS

_SMALLEST_MINED_BATCH = 3


def combination_issues(
    metrics: Any,
    terms: Sequence[ChosenTerm],
    data: Choice[DataSection] | None,
    model: Choice[ModelSection] | None,
    optimizer: Choice[OptimizerSection] | None,
    regularizer: Choice[RegularizerSection] | None,
    **_: Any,
) -> list[Issue]:
    """Every issue between sections; one that could not be read (None) hides nothing in the others."""
    found = [issue for term in terms for issue in _loss_issues(term)]
    stated = {issue.key.split(".about")[0] for issue in found if ".about" in issue.key}
    usable = [term for term in terms if term.key not in stated]
    if data is not None:
        found += _data_issues(usable, data)
    outputs = outputs_of(usable, data)
    if outputs:
        found += _metric_issues(metrics, known_metrics(outputs, data))
    for output in outputs:
        found += _agreement_issues(output)
        if model is not None:
            found += [issue for term in output.terms for issue in _model_issues(term, output, model)]
    if optimizer is not None:
        found += _optimizer_issues(optimizer)
    if model is not None:
        names = [output.name for output in outputs if output.name]
        found += _output_name_issues(model, names)
        if regularizer is not None:
            found += _regularizer_issues(regularizer, model, names)
    return found


def _loss_issues(term: ChosenTerm) -> list[Issue]:
    found = []
    loss, key = term.loss, term.key
    if loss.common.name == "custom":
        found += _fact_issues(loss.common.about, key)
    elif loss.common.about != about(loss):
        hint = "does not go with the rest of the loss's section: choose a loss by loss=, not by its keys"
        found.append(Issue(f"{key}.name", loss.common.name, hint))
    if key == "loss" and loss.common.output is not None:
        hint = "is for the terms of loss=outputs; a single loss judges the only output"
        found.append(Issue("loss.output", loss.common.output, hint))
    try:
        reduction = canonical_reduction(loss.common.reduction)
    except ValueError:
        meant = did_you_mean(loss.common.reduction, REDUCTIONS)
        expected = f"{meant}Choose one of: {', '.join(REDUCTIONS[:-1])}"
        found.append(Issue(f"{key}.reduction", loss.common.reduction, expected))
    else:
        if reduction == "none":
            hint = f"keeps one value per sample, which cannot be trained; leave {key}.reduction out"
            found.append(Issue(f"{key}.reduction", loss.common.reduction, hint))
    axis = loss.parameters.get("axis", -1)
    if axis not in (-1, None):
        hint = "predictions of a run are (samples, units): the axis must be -1"
        found.append(Issue(f"{key}.axis", axis, hint))
    return found


def _agreement_issues(output: Output) -> list[Issue]:
    """Terms that judge one output read it alike."""
    first, *others = output.terms
    found = []
    for other in others:
        for what, one, two, way in (
            ("units", about(first.loss)["units"], about(other.loss)["units"], ""),
            (
                "predictions",
                natural_activation(first.loss, output.task),
                natural_activation(other.loss, output.task),
                "both from_logits=true, or ",
            ),
        ):
            if one != two:
                hint = (
                    f"judges '{output.name}' with {first.name}, which reads other {what}: {one}, and this "
                    f"{two}; give {way}each an output of its own"
                )
                found.append(Issue(other.key, other.loss.common.name, hint))
                break
    return found


def _output_name_issues(model: Choice[ModelSection], names: list[str]) -> list[Issue]:
    activations = model.parameters["output_activation"]
    if isinstance(activations, str):
        return []
    missing = [name for name in names if name not in activations]
    unknown = [name for name in activations if name not in names]
    if not missing and not unknown:
        return []
    expected = ", ".join(names) or "none by name: give one activation for the only output"
    return [Issue("model.output_activation", activations, f"needs one for each output: {expected}")]


def _regularizer_issues(
    regularizer: Choice[RegularizerSection], model: Choice[ModelSection], outputs: list[str]
) -> list[Issue]:
    on, layers = regularizer.common.apply_to, regularizer.common.layers
    hidden = len(model.parameters["hidden_units"])
    found = []
    if (not on and regularizer.common.name != "none") or len(set(on)) < len(on):
        hint = "must name kernel, bias or activity, or several, each once"
        found.append(Issue("regularizer.apply_to", on, hint))
    if regularizer.common.name == "orthogonal" and set(on) != {"kernel"}:
        found.append(
            Issue("regularizer.apply_to", on, "orthogonal is for kernels: regularizer.apply_to=[kernel]")
        )
    known = [*range(hidden), *(outputs or ["output"])]
    unknown = [layer for layer in layers or [] if layer not in known]
    if unknown or layers == []:
        hint = f"name hidden layers by number and output layers by name: {', '.join(map(str, known))}"
        found.append(Issue("regularizer.layers", layers, hint))
    elif on == ["activity"] and not any(isinstance(layer, int) for layer in layers or range(hidden)):
        found.append(
            Issue("regularizer.apply_to", on, "activity is that of hidden layers, and none is chosen")
        )
    return found


def _fact_issues(stated: dict[str, Any], key: str) -> list[Issue]:
    """What is wrong with the facts that a custom loss states of itself."""
    allowed: dict[str, Any] = {
        "task": list(ENCODINGS),
        "target": sorted(set().union(*ENCODINGS.values())),
        "prediction": list(SPACE_ACTIVATIONS),
        "units": ["targets", "classes", "embedding"],
        "data": [name for name in registry.names("data") if name not in ("auto", "table")],
        **{fact: [True, False] for fact in ("couples_samples", "bounded", "convex", "proper")},
    }
    found = []
    for fact, value in stated.items():
        if fact not in registry.about("loss", "custom"):
            near = did_you_mean(fact, allowed, f"{key}.about.")
            found.append(
                Issue(f"{key}.about.{fact}", value, f"is no fact. {near}Facts: {', '.join(allowed)}")
            )
        elif fact in allowed and value not in allowed[fact]:
            known = ", ".join(str(one).lower() for one in allowed[fact])
            found.append(Issue(f"{key}.about.{fact}", value, f"must be one of: {known}"))
    facts = {**registry.about("loss", "custom"), **stated}
    if not found and facts["target"] not in ENCODINGS[facts["task"]]:
        known = ", ".join(sorted(ENCODINGS[facts["task"]]))
        hint = f"a {facts['task']} target comes as one of: {known}"
        found.append(Issue(f"{key}.about.target", facts["target"], hint))
    if not found and facts["prediction"] == "distribution" and facts["units"] != "classes":
        found.append(
            Issue(f"{key}.about.units", facts["units"], "a distribution over classes has units=classes")
        )
    if not found and facts["prediction"] == "score" and facts["task"] not in SCORED_TASKS:
        known = ", ".join(sorted(SCORED_TASKS))
        found.append(Issue(f"{key}.about.prediction", "score", f"decides a task of: {known}"))
    embeds = facts["prediction"] in EMBEDDING_SPACES
    as_one = {embeds, facts["task"] in EMBEDDING_TASKS, facts["units"] == "embedding"}
    if not found and len(as_one) > 1:
        hint = "goes with units=embedding and a task of: " + ", ".join(sorted(EMBEDDING_TASKS))
        found.append(Issue(f"{key}.about.prediction", facts["prediction"], f"an embedding {hint}"))
    return found


def _data_issues(terms: Sequence[ChosenTerm], source: Choice[DataSection]) -> list[Issue]:
    found = []
    if source.common.validation + source.common.test >= 1:
        hint = f"and data.validation={source.common.validation} leave no rows to train on: lower them"
        found.append(Issue("data.test", source.common.test, hint))
    if source.common.about is not None and source.common.about != about(source):
        found.append(Issue("data.about", ..., "holds the facts of a data set, which are not for setting"))
    if terms:
        names = _target_issues(terms, source)
        found += names or [issue for term in terms for issue in _task_issues(term, source)]
        found += _training_part_issues(outputs_of(terms, source), source)
        mined = [term for term in terms if about(term.loss)["task"] == "retrieval"]
        if mined and source.common.batch_size < _SMALLEST_MINED_BATCH:
            hint = (
                f"{mined[0].name} needs like and unlike samples in a batch: at least {_SMALLEST_MINED_BATCH}"
            )
            found.append(Issue("data.batch_size", source.common.batch_size, hint))
    return found


def _target_issues(terms: Sequence[ChosenTerm], source: Choice[DataSection]) -> list[Issue]:
    """Whether the outputs that are judged are those that the data has."""
    known, name = target_names(source), source.common.name
    single = terms[0].key == "loss"
    if single and known is not None and name != "table":
        shown = " ".join(f"+loss@loss.outputs.{target}=..." for target in known)
        hint = f"has the targets {', '.join(known)}, and one loss judges one. Write loss=outputs {shown}"
        return [Issue("data", name, hint)]
    if single:
        return []
    outputs = list(dict.fromkeys(output_name(term) for term in terms))
    if known is None:
        if len(outputs) == 1:
            return []
        hint = f"has one target, and the terms judge {len(outputs)} outputs: {', '.join(outputs)}"
        return [Issue("data", name, f"{hint}. Say loss.outputs.<term>.output, the same for all")]
    found = []
    for term in terms:
        if output_name(term) not in known:
            near = did_you_mean(output_name(term), known)
            hint = f"is no target of data={name}. {near}Its targets: {', '.join(known)}"
            found.append(Issue(f"{term.key}.output", output_name(term), hint))
    unjudged = [target for target in known if target not in outputs] if name == "table" and not found else []
    if unjudged:
        hint = (
            f"no term judges {', '.join(unjudged)}: add +loss@loss.outputs.{unjudged[0]}=..., or exclude it"
        )
        found.append(Issue("data.target", source.parameters["target"], hint))
    return found


def _task_issues(term: ChosenTerm, source: Choice[DataSection]) -> list[Issue]:
    """Whether the loss can be given the target that the data has."""
    loss, name = term.loss, source.common.name
    stated = stated_task(source, output_name(term))
    of_tables = ["auto", *TABLE_TASKS, "retrieval"]
    if stated == "auto" and about(loss)["task"] not in of_tables:
        hint = f"a table's column cannot be what loss={loss.common.name} is for ({about(loss)['task']})"
        return [Issue("data", name, f"{hint}. Choose {' or '.join(_homes(loss))}")]
    if stated == "auto" or about(loss)["target"] in ENCODINGS[stated]:
        return []
    choice = "loss=" if term.key == "loss" else f"loss@{term.key}="
    fitting = [f"{choice}{other}" for other in registry.losses() if _fits(other, stated)]
    homes = [] if term.key != "loss" else _homes(loss)
    key, value = ("data.task", stated) if name == "table" else ("data", name)
    hint = (
        f"is {stated}, and loss={loss.common.name} is for {about(loss)['task']} targets. Choose "
        + " or ".join([*fitting, ", or ".join(homes)] if homes else fitting)
    )
    return [Issue(key, value, hint)]


def _training_part_issues(outputs: list[Output], source: Choice[DataSection]) -> list[Issue]:
    """Whether weights and corruption are for such targets and such losses."""
    section, found = source.common, []
    classes = any(output.task in CLASS_TASKS for output in outputs)
    numbers = any(output.task in NUMBER_TASKS for output in outputs)
    for key, used, fits, needed in (
        ("class_weight", section.class_weight is not None, classes, "classes"),
        ("label_noise", section.label_noise > 0, classes, "classes"),
        ("imbalance", section.imbalance > 1, classes, "classes"),
        ("outliers", section.outliers > 0, numbers, "numbers"),
    ):
        if used and not fits:
            found.append(Issue(f"data.{key}", getattr(section, key), f"is for targets that are {needed}"))
    weights = {
        "data.class_weight": section.class_weight is not None,
        "data.missing_labels": section.missing_labels > 0,
        "data.weight": source.parameters.get("weight") is not None,
    }
    scalar = [term for output in outputs for term in output.terms if _is_scalar(term.loss)]
    for key in [key for key, used in weights.items() if used and scalar]:
        hint = (
            f"weighs rows, and {scalar[0].loss.common.name} gives one scalar for a whole batch: leave it out"
        )
        found.append(Issue(key, ..., hint))
    return found


def _is_scalar(loss: Choice[LossSection]) -> bool:
    facts = about(loss)
    embeds = facts["prediction"] in EMBEDDING_SPACES
    return bool(facts["couples_samples"]) and not embeds and loss.common.name != "custom"


def _homes(loss: Choice[LossSection]) -> list[str]:
    """The bundled data that the loss fits, its own first."""
    tasks = {name: registry.about("data", name).get("task") for name in registry.names("data")}
    target, own = about(loss)["target"], about(loss)["data"]
    fitting = [name for name, task in tasks.items() if task and target in ENCODINGS[task]]
    return [f"data={name}" for name in sorted(fitting, key=lambda name: name != own)]


def _fits(loss_name: str, task: str) -> bool:
    return registry.about("loss", loss_name)["target"] in ENCODINGS[task]


def _model_issues(term: ChosenTerm, output: Output, model: Choice[ModelSection]) -> list[Issue]:
    activation, loss = asked_activation(output, model), term.loss
    needed, space = natural_activation(loss, output.task), about(loss)["prediction"]
    fitting = {
        "real": set(SPACE_ACTIVATIONS.values()) | {"relu", "elu", "selu", "gelu", "silu", "tanh"},
        "score": {"linear", "tanh"},  # decided at 0, so of both signs
    }
    fitting["direction"] = fitting["embedding"] = fitting["real"]
    if activation in {"auto", needed} | fitting.get(space, set()) - {"softmax"}:
        return []
    name = loss.common.name
    if loss.parameters.get("from_logits"):
        hint = (
            f"{term.key}.from_logits=true applies the {SPACE_ACTIVATIONS[space]} itself: leave "
            f"model.output_activation=auto, or set {term.key}.from_logits=false"
        )
    elif "from_logits" in loss.parameters and activation == "linear":
        hint = (
            f"loss={name} reads what a {needed} gives: for a linear output set "
            f"{term.key}.from_logits=true, or leave model.output_activation=auto"
        )
    else:
        hint = f"loss={name} needs a {needed} output: leave model.output_activation=auto"
    return [Issue("model.output_activation", activation, hint)]


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
        hint = f"is judged at the end alone; put what is monitored before it, as {known[0]}"
        return [Issue("metrics", names[0], hint)]
    return [
        Issue("metrics", name, f"{did_you_mean(name, known)}Here one can have: {', '.join(known)}")
        for name in names
        if name not in known
    ]
