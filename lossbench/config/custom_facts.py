"""Check the facts that a config states about a custom loss."""

from typing import Any

from lossbench import registry
from lossbench.errors import Issue, did_you_mean
from lossbench.tasks import EMBEDDING_TASKS, ENCODINGS, SPACES, TASKS

_UNITS = ("targets", "classes", "embedding")
_FLAGS = ("couples_samples", "in_user_units", "bounded", "convex", "proper")


def fact_issues(stated: dict[str, Any], key: str) -> list[Issue]:
    """Return what is wrong with the facts that a custom loss states.

    Args:
        stated: the ``about`` section.
        key: the key of the loss in the config.
    """
    defaults = registry.loss(registry.CUSTOM).facts
    issues = _unknown_facts(stated, defaults, key)
    return issues or _disagreeing_facts({**defaults, **stated}, key)


def _unknown_facts(stated: dict[str, Any], defaults: Any, key: str) -> list[Issue]:
    allowed: dict[str, list[Any]] = {
        "task": list(TASKS),
        "target": sorted(ENCODINGS),
        "prediction": list(SPACES),
        "units": list(_UNITS),
        "data": list(registry.bundled_data()),
        **{flag: [True, False] for flag in _FLAGS},
    }
    issues = []
    for fact, value in stated.items():
        if fact not in defaults:
            near = did_you_mean(fact, allowed, f"{key}.about.")
            hint = f"is not a fact of a loss. {near}Facts: {', '.join(allowed)}"
            issues.append(Issue(f"{key}.about.{fact}", value, hint))
        elif fact in allowed and value not in allowed[fact]:
            known = ", ".join(str(choice).lower() for choice in allowed[fact])
            issues.append(Issue(f"{key}.about.{fact}", value, f"must be one of: {known}"))
    return issues


def _disagreeing_facts(facts: dict[str, Any], key: str) -> list[Issue]:
    task, space, units = TASKS[facts["task"]], SPACES[facts["prediction"]], facts["units"]
    if facts["target"] not in task.encodings:
        hint = f"a {task} target comes as one of: {', '.join(sorted(task.encodings))}"
        return [Issue(f"{key}.about.target", facts["target"], hint)]
    if space.activation == "softmax" and units != "classes":
        return [Issue(f"{key}.about.units", units, f"a {space.name} over classes has units=classes")]
    if space.is_score and not task.has_probabilities:
        known = ", ".join(sorted(name for name, other in TASKS.items() if other.has_probabilities))
        return [Issue(f"{key}.about.prediction", space.name, f"is only for one of the tasks: {known}")]
    if len({space.embeds, task.embeds, units == "embedding"}) > 1:
        hint = f"an embedding needs units=embedding and a task of: {', '.join(sorted(EMBEDDING_TASKS))}"
        return [Issue(f"{key}.about.prediction", space.name, hint)]
    return []
