"""What does not go together: loss, data, model and metrics checked against each other."""

from collections.abc import Sequence
from typing import Any, get_args

from lossbench import choices
from lossbench.data.dataset import TableTask, Task
from lossbench.errors import Fault, did_you_mean
from lossbench.facts import (
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
from lossbench.losses.reduction import REDUCTIONS, canonical_reduction
from lossbench.sections import (
    Choice,
    ChosenTerm,
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    Output,
    RegularizerSection,
)

_SMALLEST_MINED_BATCH = 3


def combination_faults(
    metrics: Any,
    terms: Sequence[ChosenTerm],
    data: Choice[DataSection] | None,
    model: Choice[ModelSection] | None,
    optimizer: Choice[OptimizerSection] | None,
    regularizer: Choice[RegularizerSection] | None,
    **_: Any,
) -> list[Fault]:
    """Every fault between sections; one that could not be read (None) hides nothing in the others."""
    found = [fault for term in terms for fault in _loss_faults(term)]
    stated = {fault.key.split(".about")[0] for fault in found if ".about" in fault.key}
    usable = [term for term in terms if term.key not in stated]
    if data is not None:
        found += _data_faults(usable, data)
    outputs = outputs_of(usable, data)
    if outputs:
        found += _metric_faults(metrics, known_metrics(outputs, data))
    for output in outputs:
        found += _agreement_faults(output)
        if model is not None:
            found += [fault for term in output.terms for fault in _model_faults(term, output, model)]
    if optimizer is not None:
        found += _optimizer_faults(optimizer)
    if model is not None:
        names = [output.name for output in outputs if output.name]
        found += _output_name_faults(model, names)
        if regularizer is not None:
            found += _regularizer_faults(regularizer, model, names)
    return found


def _loss_faults(term: ChosenTerm) -> list[Fault]:
    found = []
    loss, key = term.loss, term.key
    if loss.common.name == "custom":
        found += _fact_faults(loss.common.about, key)
    elif loss.common.about != about(loss):
        remedy = "does not go with the rest of the loss's section: choose a loss by loss=, not by its keys"
        found.append(Fault(f"{key}.name", loss.common.name, remedy))
    if key == "loss" and loss.common.output is not None:
        remedy = "is for the terms of loss=outputs; a single loss judges the only output"
        found.append(Fault("loss.output", loss.common.output, remedy))
    try:
        reduction = canonical_reduction(loss.common.reduction)
    except ValueError:
        meant = did_you_mean(loss.common.reduction, REDUCTIONS)
        expected = f"{meant}Choose one of: {', '.join(REDUCTIONS[:-1])}"
        found.append(Fault(f"{key}.reduction", loss.common.reduction, expected))
    else:
        if reduction == "none":
            remedy = f"keeps one value per sample, which cannot be trained; leave {key}.reduction out"
            found.append(Fault(f"{key}.reduction", loss.common.reduction, remedy))
    axis = loss.parameters.get("axis", -1)
    if axis not in (-1, None):
        remedy = "predictions of a run are (samples, units): the axis must be -1"
        found.append(Fault(f"{key}.axis", axis, remedy))
    return found


def _agreement_faults(output: Output) -> list[Fault]:
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
                remedy = (
                    f"judges '{output.name}' with {first.name}, which reads other {what}: {one}, and this "
                    f"{two}; give {way}each an output of its own"
                )
                found.append(Fault(other.key, other.loss.common.name, remedy))
                break
    return found


def _output_name_faults(model: Choice[ModelSection], names: list[str]) -> list[Fault]:
    activations = model.parameters["output_activation"]
    if isinstance(activations, str):
        return []
    missing = [name for name in names if name not in activations]
    unknown = [name for name in activations if name not in names]
    if not missing and not unknown:
        return []
    expected = ", ".join(names) or "none by name: give one activation for the only output"
    return [Fault("model.output_activation", activations, f"needs one for each output: {expected}")]


def _regularizer_faults(
    regularizer: Choice[RegularizerSection], model: Choice[ModelSection], outputs: list[str]
) -> list[Fault]:
    on, layers = regularizer.common.apply_to, regularizer.common.layers
    hidden = len(model.parameters["hidden_units"])
    found = []
    if (not on and regularizer.common.name != "none") or len(set(on)) < len(on):
        remedy = "must name kernel, bias or activity, or several, each once"
        found.append(Fault("regularizer.apply_to", on, remedy))
    if regularizer.common.name == "orthogonal" and set(on) != {"kernel"}:
        found.append(
            Fault("regularizer.apply_to", on, "orthogonal is for kernels: regularizer.apply_to=[kernel]")
        )
    known = [*range(hidden), *(outputs or ["output"])]
    unknown = [layer for layer in layers or [] if layer not in known]
    if unknown or layers == []:
        remedy = f"name hidden layers by number and output layers by name: {', '.join(map(str, known))}"
        found.append(Fault("regularizer.layers", layers, remedy))
    elif on == ["activity"] and not any(isinstance(layer, int) for layer in layers or range(hidden)):
        found.append(
            Fault("regularizer.apply_to", on, "activity is that of hidden layers, and none is chosen")
        )
    return found


def _fact_faults(stated: dict[str, Any], key: str) -> list[Fault]:
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
            near = did_you_mean(fact, allowed, f"{key}.about.")
            found.append(
                Fault(f"{key}.about.{fact}", value, f"is no fact. {near}Facts: {', '.join(allowed)}")
            )
        elif fact in allowed and value not in allowed[fact]:
            known = ", ".join(str(one).lower() for one in allowed[fact])
            found.append(Fault(f"{key}.about.{fact}", value, f"must be one of: {known}"))
    facts = {**choices.about("loss", "custom"), **stated}
    if not found and facts["target"] not in ENCODINGS[facts["task"]]:
        known = ", ".join(sorted(ENCODINGS[facts["task"]]))
        remedy = f"a {facts['task']} target comes as one of: {known}"
        found.append(Fault(f"{key}.about.target", facts["target"], remedy))
    if not found and facts["prediction"] == "distribution" and facts["units"] != "classes":
        found.append(
            Fault(f"{key}.about.units", facts["units"], "a distribution over classes has units=classes")
        )
    if not found and facts["prediction"] == "score" and facts["task"] not in SCORED_TASKS:
        known = ", ".join(sorted(SCORED_TASKS))
        found.append(Fault(f"{key}.about.prediction", "score", f"decides a task of: {known}"))
    embeds = facts["prediction"] in EMBEDDING_SPACES
    as_one = {embeds, facts["task"] in EMBEDDING_TASKS, facts["units"] == "embedding"}
    if not found and len(as_one) > 1:
        remedy = "goes with units=embedding and a task of: " + ", ".join(sorted(EMBEDDING_TASKS))
        found.append(Fault(f"{key}.about.prediction", facts["prediction"], f"an embedding {remedy}"))
    return found


def _data_faults(terms: Sequence[ChosenTerm], source: Choice[DataSection]) -> list[Fault]:
    found = []
    if source.common.validation + source.common.test >= 1:
        remedy = f"and data.validation={source.common.validation} leave no rows to train on: lower them"
        found.append(Fault("data.test", source.common.test, remedy))
    if source.common.about is not None and source.common.about != about(source):
        found.append(Fault("data.about", ..., "holds the facts of a data set, which are not for setting"))
    if terms:
        names = _target_faults(terms, source)
        found += names or [fault for term in terms for fault in _task_faults(term, source)]
        found += _training_part_faults(outputs_of(terms, source), source)
        mined = [term for term in terms if about(term.loss)["task"] == "retrieval"]
        if mined and source.common.batch_size < _SMALLEST_MINED_BATCH:
            remedy = (
                f"{mined[0].name} needs like and unlike samples in a batch: at least {_SMALLEST_MINED_BATCH}"
            )
            found.append(Fault("data.batch_size", source.common.batch_size, remedy))
    return found


def _target_faults(terms: Sequence[ChosenTerm], source: Choice[DataSection]) -> list[Fault]:
    """Whether the outputs that are judged are those that the data has."""
    known, name = target_names(source), source.common.name
    single = terms[0].key == "loss"
    if single and known is not None and name != "table":
        shown = " ".join(f"+loss@loss.outputs.{target}=..." for target in known)
        remedy = f"has the targets {', '.join(known)}, and one loss judges one. Write loss=outputs {shown}"
        return [Fault("data", name, remedy)]
    if single:
        return []
    outputs = list(dict.fromkeys(output_name(term) for term in terms))
    if known is None:
        if len(outputs) == 1:
            return []
        remedy = f"has one target, and the terms judge {len(outputs)} outputs: {', '.join(outputs)}"
        return [Fault("data", name, f"{remedy}. Say loss.outputs.<term>.output, the same for all")]
    found = []
    for term in terms:
        if output_name(term) not in known:
            near = did_you_mean(output_name(term), known)
            remedy = f"is no target of data={name}. {near}Its targets: {', '.join(known)}"
            found.append(Fault(f"{term.key}.output", output_name(term), remedy))
    unjudged = [target for target in known if target not in outputs] if name == "table" and not found else []
    if unjudged:
        remedy = (
            f"no term judges {', '.join(unjudged)}: add +loss@loss.outputs.{unjudged[0]}=..., or exclude it"
        )
        found.append(Fault("data.target", source.parameters["target"], remedy))
    return found


def _task_faults(term: ChosenTerm, source: Choice[DataSection]) -> list[Fault]:
    """Whether the loss can be given the target that the data has."""
    loss, name = term.loss, source.common.name
    stated = stated_task(source, output_name(term))
    of_tables = [*get_args(TableTask), "retrieval"]
    if stated == "auto" and about(loss)["task"] not in of_tables:
        remedy = f"a table's column cannot be what loss={loss.common.name} is for ({about(loss)['task']})"
        return [Fault("data", name, f"{remedy}. Choose {' or '.join(_homes(loss))}")]
    if stated == "auto" or about(loss)["target"] in ENCODINGS[stated]:
        return []
    choice = "loss=" if term.key == "loss" else f"loss@{term.key}="
    fitting = [f"{choice}{other}" for other in choices.losses() if _fits(other, stated)]
    homes = [] if term.key != "loss" else _homes(loss)
    key, value = ("data.task", stated) if name == "table" else ("data", name)
    remedy = (
        f"is {stated}, and loss={loss.common.name} is for {about(loss)['task']} targets. Choose "
        + " or ".join([*fitting, ", or ".join(homes)] if homes else fitting)
    )
    return [Fault(key, value, remedy)]


def _training_part_faults(outputs: list[Output], source: Choice[DataSection]) -> list[Fault]:
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
            found.append(Fault(f"data.{key}", getattr(section, key), f"is for targets that are {needed}"))
    weights = {
        "data.class_weight": section.class_weight is not None,
        "data.missing_labels": section.missing_labels > 0,
        "data.weight": source.parameters.get("weight") is not None,
    }
    scalar = [term for output in outputs for term in output.terms if _is_scalar(term.loss)]
    for key in [key for key, used in weights.items() if used and scalar]:
        remedy = (
            f"weighs rows, and {scalar[0].loss.common.name} gives one scalar for a whole batch: leave it out"
        )
        found.append(Fault(key, ..., remedy))
    return found


def _is_scalar(loss: Choice[LossSection]) -> bool:
    facts = about(loss)
    embeds = facts["prediction"] in EMBEDDING_SPACES
    return bool(facts["couples_samples"]) and not embeds and loss.common.name != "custom"


def _homes(loss: Choice[LossSection]) -> list[str]:
    """The bundled data that the loss fits, its own first."""
    tasks = {name: choices.about("data", name).get("task") for name in choices.names("data")}
    target, own = about(loss)["target"], about(loss)["data"]
    fitting = [name for name, task in tasks.items() if task and target in ENCODINGS[task]]
    return [f"data={name}" for name in sorted(fitting, key=lambda name: name != own)]


def _fits(loss_name: str, task: Task) -> bool:
    return choices.about("loss", loss_name)["target"] in ENCODINGS[task]


def _model_faults(term: ChosenTerm, output: Output, model: Choice[ModelSection]) -> list[Fault]:
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
        remedy = (
            f"{term.key}.from_logits=true applies the {SPACE_ACTIVATIONS[space]} itself: leave "
            f"model.output_activation=auto, or set {term.key}.from_logits=false"
        )
    elif "from_logits" in loss.parameters and activation == "linear":
        remedy = (
            f"loss={name} reads what a {needed} gives: for a linear output set "
            f"{term.key}.from_logits=true, or leave model.output_activation=auto"
        )
    else:
        remedy = f"loss={name} needs a {needed} output: leave model.output_activation=auto"
    return [Fault("model.output_activation", activation, remedy)]


def _optimizer_faults(optimizer: Choice[OptimizerSection]) -> list[Fault]:
    if optimizer.parameters.get("nesterov") and optimizer.parameters["momentum"] == 0:
        return [Fault("optimizer.nesterov", True, "needs momentum: set optimizer.momentum=0.9")]
    return []


def _metric_faults(metrics: Any, known: list[str]) -> list[Fault]:
    listed = isinstance(metrics, list) and all(isinstance(name, str) for name in metrics)
    if not listed and not isinstance(metrics, str):
        return []  # the wrong type has been reported
    if not known:
        return []  # the data does not fit the loss, which has been reported
    names = metric_names(metrics, known)
    if not names or len(set(names)) < len(names):
        return [Fault("metrics", metrics, f"needs one or more different names: {', '.join(known)}")]
    if names[0].rpartition("/")[2].startswith("weighted_"):
        remedy = f"is judged at the end alone; put what is monitored before it, as {known[0]}"
        return [Fault("metrics", names[0], remedy)]
    return [
        Fault("metrics", name, f"{did_you_mean(name, known)}Here one can have: {', '.join(known)}")
        for name in names
        if name not in known
    ]
