"""Losses for counts, which are whole numbers from 0."""

import math

from torch import Tensor

from lossbench.losses.checks import paired_with_targets
from lossbench.losses.numerics import EPSILON, averaged, in_float32


@in_float32
def poisson(y_pred: Tensor, y_true: Tensor, *, from_logits: bool = False) -> Tensor:
    """Compute the Poisson negative log-likelihood, without its constant. Use it for counts.

    Domain: ``y_true`` counts (or any numbers from 0); ``y_pred`` positive rates, or with ``from_logits``
    their logarithms; both of shape ``(..., U)``. Value ``(...)``: the mean over the last axis of
    ``p - y log(p + 1e-7)``, or ``exp(z) - y z``. Its minimiser is the mean; large counts may deviate more,
    as their variance is larger. Source: Keras ``poisson``; the form for logarithms is that of torch's
    ``poisson_nll_loss``.

    Raises:
        ValueError: the shapes differ, or a target is negative.

    >>> poisson(torch.tensor([[2.0], [1.0]]), torch.tensor([[3.0], [0.0]]))
    tensor([-0.0794,  1.0000])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true, most=math.inf)
    if from_logits:
        return averaged(y_pred.exp() - y_true * y_pred)
    return averaged(y_pred - y_true * (y_pred + EPSILON).log())
