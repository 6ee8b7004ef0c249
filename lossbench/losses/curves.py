"""Loss curves: value, gradient and curvature of a loss along the single number that it judges."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from lossbench import registry
from lossbench.losses.lookup import function
from lossbench.tasks import CurveAxis

_STEPS = 300  # points on either side of the centre
_REACH = 3.0
_ERROR = "error: prediction minus target, in the units of the loss"
_SCORE = "score of class 1 (logit or margin), for a target of 1"
_PREDICTION = "prediction, for a target of 1"
_LOGARITHM = "logarithm of the prediction, for a target of 1"


def loss_curve(name: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Compute the curve of a loss by differentiating its function twice.

    A loss of real targets is drawn along the error. A loss of two classes is drawn along the score of the
    true class; if it takes probabilities, it is given the sigmoid of the score. A loss of positive targets is
    drawn along the prediction for a target of 1. At a kink the gradient jumps, and the curvature is that of
    either side.

    Args:
        name: the canonical name.
        parameters: the parameters, as a config holds them.

    Returns:
        ``axis``, the name of the number, and the lists ``x``, ``value``, ``gradient`` and ``curvature``. None
        if the loss judges several numbers at once, or is not built in.

    >>> huber = loss_curve("huber", {"delta": 2.0})
    >>> huber["axis"], max(huber["gradient"]), huber["curvature"][300]
    ('error: prediction minus target, in the units of the loss', 2.0, 1.0)
    >>> loss_curve("dice", {}) is None
    True
    """
    info = registry.loss(name) if name in registry.losses() else None
    if info is None or info.couples_samples or info.encoding.curve is None or info.numbers is not None:
        return None
    axis = _axis(info.encoding.curve, parameters)
    reach = max(_REACH, 1.5 * parameters.get("delta", 0))
    center, half = (2.125, 1.875) if axis == _PREDICTION else (0.0, reach)
    # No step is 0, where a loss of |e| has its kink
    steps = (torch.arange(-_STEPS, _STEPS, dtype=torch.float64) + 0.5) / _STEPS
    x = (center + half * steps).unsqueeze(-1).requires_grad_()
    y_pred = x.sigmoid() if info.space.activation == "sigmoid" and not _takes_logits(parameters) else x
    y_true = torch.full_like(x, 0.0 if axis == _ERROR else 1.0)
    value = function(name)(y_pred, y_true, **parameters)
    if len(value) != len(x):  # binary_crossentropy with axis=0 is a mean over samples
        return None
    (gradient,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    curvature = torch.zeros(x.shape, dtype=x.dtype)
    if gradient.requires_grad:  # the gradient of a piecewise linear loss is constant
        curvature += torch.autograd.grad(gradient.sum(), x, allow_unused=True, materialize_grads=True)[0]
    columns = {"x": x, "value": value, "gradient": gradient, "curvature": curvature}
    return {"axis": axis, **{key: column.detach().flatten().tolist() for key, column in columns.items()}}


def loss_curves_of(groups: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Compute the curves of the compared losses, by label, with the parameters of their training.

    Args:
        groups: the groups of ``comparison.json``.

    >>> list(loss_curves_of([{"label": "mine", "loss": "huber", "parameters": {"delta": 2.0}}]))
    ['mine']
    """
    curves = {group["label"]: loss_curve(group["loss"], group["parameters"]) for group in groups}
    return {label: curve for label, curve in curves.items() if curve is not None}


def _takes_logits(parameters: Mapping[str, Any]) -> bool:
    return bool(parameters.get("from_logits"))


def _axis(curve: CurveAxis, parameters: Mapping[str, Any]) -> str:
    """Return the name of the number along which a curve is drawn."""
    if curve == "prediction":
        return _LOGARITHM if _takes_logits(parameters) else _PREDICTION
    return _ERROR if curve == "error" else _SCORE
