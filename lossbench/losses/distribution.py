"""Losses that compare two probability distributions."""

from torch import Tensor

from lossbench.losses.checks import paired_with_targets
from lossbench.losses.numerics import EPSILON, clipped, in_float32


@in_float32
def kl_divergence(y_pred: Tensor, y_true: Tensor, *, from_logits: bool = False) -> Tensor:
    """Compute the Kullback-Leibler divergence of prediction from target. Use it for soft targets.

    Domain: ``y_true`` and ``y_pred`` distributions over the last axis, both of shape ``(..., K)``;
    with ``from_logits`` ``y_pred`` any reals. Value ``(...)``: ``Σ y log(y / p)``, both clipped to [1e-7, 1]
    (logits are not clipped). With the predictions of another network as targets, this is distillation.
    Source: Kullback and Leibler 1951; Keras ``kl_divergence``.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> kl_divergence(torch.tensor([[0.9, 0.1]]), torch.tensor([[0.5, 0.5]]))
    tensor([0.5108])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    y_true = clipped(y_true, EPSILON, 1)
    log_p = y_pred.log_softmax(-1) if from_logits else clipped(y_pred, EPSILON, 1).log()
    return (y_true * y_true.log()).sum(-1) - (y_true * log_p).sum(-1)
