"""Losses for targets of two classes, 0 and 1."""

from torch import Tensor
from torch.nn import functional

from lossbench.losses.shapes import EPSILON, paired
from lossbench.parameters import Fraction


def binary_crossentropy(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    from_logits: bool = False,
    label_smoothing: Fraction = 0.0,
    axis: int = -1,
) -> Tensor:
    """Negative log-likelihood of 0/1 targets: asks for calibrated probabilities.

    Domain: ``y_true`` in [0, 1]; ``y_pred`` probabilities, or any reals with ``from_logits``; one
    shape ``(..., U)``. Value ``(...)``: the mean along ``axis`` of ``-y log p - (1-y) log(1-p)``, where
    ``p`` is the sigmoid of a logit (computed without forming it), or the probability clipped to
    [1e-7, 1 - 1e-7]. ``label_smoothing`` moves the targets to ``y (1-s) + s/2``.
    Source: Keras ``binary_crossentropy``.

    Raises:
        ValueError: the shapes differ.

    >>> binary_crossentropy(torch.tensor([[0.9], [0.2]]), torch.tensor([[1.0], [0.0]]))
    tensor([0.1054, 0.2231])
    """
    y_pred, y_true = paired(y_pred, y_true)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / 2
    if from_logits:
        values = functional.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none")
    else:
        p = y_pred.clamp(EPSILON, 1 - EPSILON)
        values = -(y_true * p.log() + (1 - y_true) * (1 - p).log())
    return values.mean(axis)
