"""A loss's profile: its value, gradient and curvature along the one number that it judges."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from lossbench import losses, registry

_STEPS = 300  # to either side
_REACH = 3.0
_ERROR = "error, prediction - target, as the loss sees it"
_SCORE = "score of class 1, the true one: logit, or margin"
_PREDICTION, _LOGARITHM = "prediction, of a target of 1", "logarithm of the prediction, of a target of 1"


def profile(name: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """What one loss makes of one number, by differentiating its own function twice.

    Real targets are judged by the error; classes by the score, whose sigmoid a loss of probabilities is
    given; what is positive by the prediction of a target of 1. A kink is drawn as it is: the gradient
    jumps, and the curvature, zero on both sides, does not show it.

    Args:
        name: the canonical name.
        parameters: as a config holds them.

    Returns:
        ``axis``, and the lists ``x``, ``value``, ``gradient`` and ``curvature``; None of a loss that judges
        more than one number at once, or is not lossbench's own.

    >>> huber = profile("huber", {"delta": 2.0})
    >>> huber["axis"], max(huber["gradient"]), huber["curvature"][300]
    ('error, prediction - target, as the loss sees it', 2.0, 1.0)
    >>> profile("dice", {}) is None
    True
    """
    facts = registry.about("loss", name) if name in registry.losses() else {}
    axis = None if facts.get("couples_samples", True) else _axis(facts, parameters)
    if axis is None:
        return None
    reach = max(_REACH, 1.5 * parameters.get("delta", 0))
    center, half = (2.125, 1.875) if axis == _PREDICTION else (0.0, reach)
    # none of them is 0, the kink of a loss written with |e|
    steps = (torch.arange(-_STEPS, _STEPS, dtype=torch.float64) + 0.5) / _STEPS
    x = (center + half * steps).unsqueeze(-1).requires_grad_()
    y_pred = x.sigmoid() if facts["prediction"] == "probability" and not _logits(parameters) else x
    y_true = torch.full_like(x, 0.0 if axis == _ERROR else 1.0)
    value = losses.function(name)(y_pred, y_true, **parameters)
    if len(value) != len(x):  # binary_crossentropy with axis=0, the mean over the samples
        return None
    (gradient,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    curvature = torch.zeros(x.shape, dtype=x.dtype)
    if gradient.requires_grad:  # that of straight lines depends on nothing
        curvature += torch.autograd.grad(gradient.sum(), x, allow_unused=True, materialize_grads=True)[0]
    columns = {"x": x, "value": value, "gradient": gradient, "curvature": curvature}
    return {"axis": axis, **{key: column.detach().flatten().tolist() for key, column in columns.items()}}


def _logits(parameters: Mapping[str, Any]) -> bool:
    return bool(parameters.get("from_logits"))


def _axis(facts: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    """The one number that a loss judges, if it judges one."""
    if facts["target"] in ("binary", "sign"):
        return _SCORE
    if facts["target"] in ("positive", "count"):
        return _LOGARITHM if _logits(parameters) else _PREDICTION
    return _ERROR if facts["target"] == "real" else None


def profiles_of(groups: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The profiles of the losses compared, by label, with the parameters that they were trained with.

    Args:
        groups: as in ``comparison.json``.

    >>> list(profiles_of([{"label": "mine", "loss": "huber", "parameters": {"delta": 2.0}}]))
    ['mine']
    """
    found = {group["label"]: profile(group["loss"], group["parameters"]) for group in groups}
    return {label: one for label, one in found.items() if one is not None}
