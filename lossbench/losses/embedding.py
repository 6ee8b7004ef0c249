"""Losses for embeddings, which draw samples of one class together and push others apart.

They read pairs, triplets, or a batch with labels. Two samples of one class are a positive pair, two of
different classes a negative pair.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from annotated_types import Interval
from torch import Tensor
from torch.nn import functional

from lossbench.losses.checks import floating, paired_with_targets
from lossbench.losses.numerics import in_float32
from lossbench.losses.reduction import counting
from lossbench.signatures import NonNegative, Positive

Norm = Annotated[float, Interval(ge=1, le=8)]  # a larger power of 1e4 would overflow in float32
_FEW = 256  # up to this many rows, distances are computed pair by pair, to the last digit
_NEAR_ZERO = 1e-6  # added to each difference, as in torch, so that a distance of 0 has a finite gradient


@in_float32
def contrastive(y_pred: Tensor, y_true: Tensor, *, margin: Positive = 1.0) -> Tensor:
    """Compute the contrastive loss of pairs. Use it to learn distances from pairs known to match or not.

    Domain: ``y_true`` 1 (positive pair) or 0 (negative pair), ``(...)`` or ``(..., 1)``; ``y_pred`` the two
    embeddings of the pair ``(..., 2, D)``, or their distances in the shape of ``y_true``. Value ``(...)``:
    ``y d² + (1 - y) max(margin - d, 0)²`` with the Euclidean distance ``d``. Source: Hadsell, Chopra and
    LeCun 2006 (with half of this value); tensorflow-addons' ``contrastive_loss``.

    Raises:
        ValueError: the shapes do not match, or a target lies outside [0, 1].

    >>> pairs = torch.tensor([[[0.0, 0.0], [0.3, 0.4]], [[0.0, 0.0], [0.3, 0.4]]])
    >>> contrastive(pairs, torch.tensor([1, 0]))
    tensor([0.2500, 0.2500])
    """
    y_pred = floating(y_pred)
    if y_pred.ndim >= 2 and y_pred.shape[-2] == 2 and y_pred.shape[:-2] == _without_column(y_true).shape:
        y_pred = torch.linalg.vector_norm(y_pred[..., 0, :] - y_pred[..., 1, :], dim=-1, keepdim=True)
        y_true = _without_column(y_true).unsqueeze(-1)
    distance, y_true = paired_with_targets(y_pred, y_true)
    shortfall = (margin - distance).clamp(min=0)
    return (y_true * distance.square() + (1 - y_true) * shortfall.square()).mean(-1)


@in_float32
def triplet_margin(
    y_pred: Tensor, y_true: Tensor, *, margin: Positive = 1.0, p: Norm = 2.0, swap: bool = False
) -> Tensor:
    """Compute the margin loss of given triplets. Use it to learn distances from relative comparisons.

    Domain: ``y_pred`` embeddings ``(..., 3, D)`` of an anchor and two other samples; ``y_true``, ``(...)``
    or ``(..., 1)``, 1 where the first of the two is the positive and 0 where the second is. Value ``(...)``:
    ``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with ``d`` the ``p``-norm of the
    difference. With ``swap`` the second distance is that between positive and negative where it is smaller.
    Source: Balntas et al. 2016; torch's ``triplet_margin_loss``, which assumes targets of 1.

    Raises:
        ValueError: the shapes do not match, or a target lies outside [0, 1].

    >>> triplet_margin(torch.tensor([[[0.0], [1.0], [3.0]]]).repeat(2, 1, 1), torch.tensor([1, 0]))
    tensor([0., 3.])
    """
    y_pred, first = floating(y_pred), _without_column(y_true)
    if y_pred.ndim < 2 or y_pred.shape[-2] != 3 or y_pred.shape[:-2] != first.shape:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: triplets are "
            "(..., 3, D) and their targets (...); for embeddings with labels use triplet"
        )
    anchor, a, b = y_pred.unbind(-2)
    to_a, first = paired_with_targets(functional.pairwise_distance(anchor, a, p, _NEAR_ZERO), first)
    to_b = functional.pairwise_distance(anchor, b, p, _NEAR_ZERO)
    if swap:
        between = functional.pairwise_distance(a, b, p, _NEAR_ZERO)
        to_a, to_b = (
            torch.where(first == 1, to_a, torch.minimum(to_a, between)),
            torch.where(first == 1, torch.minimum(to_b, between), to_b),
        )
    return ((2 * first - 1) * (to_a - to_b) + margin).relu()


def _with_partners(labels: Tensor, parameters: Mapping[str, Any]) -> Tensor:
    """Return the mask of the samples that have both a positive and a negative partner in the batch."""
    positive, negative = _positives_and_negatives(labels, parameters.get("remove_diagonal", True))
    return positive.any(-1) & negative.any(-1)


@counting(_with_partners)
@in_float32
def triplet(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    margin: Positive = 1.0,
    mining: Literal["all", "hard", "semihard"] = "semihard",
) -> Tensor:
    """Compute the margin loss of triplets mined from labels. Use it to learn distances from classes.

    Domain: ``y_pred`` embeddings ``(N, D)``; ``y_true`` their classes, ``(N,)`` or ``(N, 1)``. Value
    ``(N,)``: for each sample as anchor the mean of
    ``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, with the Euclidean distance ``d``, over
    the triplets that ``mining`` selects. ``all`` takes every triplet; ``hard`` the farthest positive with
    the nearest negative; ``semihard`` each positive with the nearest negative beyond it, or with the
    farthest negative if none lies beyond. A sample without a positive or without a negative has loss 0 and
    does not count. Source: Schroff et al. 2015; Hermans et al. 2017; tensorflow-addons'
    ``triplet_semihard_loss``, which takes a single mean over all pairs.

    Raises:
        ValueError: the shapes do not match.

    >>> triplet(torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([0, 0, 1]), margin=4.0)
    tensor([2., 3., 0.])
    """
    y_pred, labels = _labelled(y_pred, y_true)
    if not len(labels):
        return y_pred.sum(1)
    positive, negative = _positives_and_negatives(labels)
    distance = _distances(y_pred)
    if mining == "hard":
        farthest_positive = distance.masked_fill(~positive, 0).amax(1)
        nearest_negative = distance.masked_fill(~negative, torch.inf).amin(1)
        values = (farthest_positive - nearest_negative + margin).relu()
    else:
        values = _mean_over(positive, _violations(distance, negative, margin, mining))
    return values.where(positive.any(1) & negative.any(1), 0).to(y_pred.dtype)


def _violations(distance: Tensor, negative: Tensor, margin: float, mining: str) -> Tensor:
    """Return by how much negatives violate the margin, for each anchor (row) and each positive (column).

    Columns of samples that are no positives of the anchor are computed too; the caller leaves them out.
    """
    nearest_first = distance.double().masked_fill(~negative, torch.inf).sort().values
    steps, count = nearest_first.detach(), negative.sum(1, keepdim=True)
    nearest_first = nearest_first.masked_fill(steps == torch.inf, 0)
    if mining == "semihard":
        farther = torch.searchsorted(steps, distance.detach().double(), right=True)
        chosen = nearest_first.gather(1, torch.minimum(farther, count - 1).clamp(min=0))
        return (distance - chosen + margin).relu()
    # Over the negatives nearer than reach, Σ (reach - d) is their number times reach, less the sum of d
    reach = distance.double() + margin
    nearer = torch.searchsorted(steps, reach.detach())
    sums = functional.pad(nearest_first.cumsum(1), (1, 0))
    return (nearer * reach - sums.gather(1, nearer)) / count.clamp(min=1)


def _distances(embeddings: Tensor) -> Tensor:
    """Return the Euclidean distance of each row to every row.

    For many rows, it is computed by a matrix product after centring, which is faster.
    """
    few = len(embeddings) <= _FEW
    mode = "donot_use_mm_for_euclid_dist" if few else "use_mm_for_euclid_dist"
    embeddings = embeddings - embeddings.detach().mean(0)
    return torch.cdist(embeddings, embeddings, compute_mode=mode)


@counting(_with_partners)
@in_float32
def circle(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    gamma: Positive = 80.0,
    margin: NonNegative = 0.4,
    remove_diagonal: bool = True,
) -> Tensor:
    """Compute the circle loss of labelled unit vectors. Use it to separate classes by cosine similarity.

    Domain: ``y_pred`` embeddings of length 1, ``(N, D)``; ``y_true`` their classes, ``(N,)`` or ``(N, 1)``.
    Value ``(N,)``: ``log(1 + Σ_pos exp(-gamma (m + d)(m - d)) Σ_neg exp(gamma (1 + m - d)(1 - m - d)))``
    with the cosine distance ``d``, summed over the positives and the negatives of each sample, and ``m``
    the margin. The first bracket of each product is at least 0; gradients pass through both brackets, as in
    Keras. The worse a pair, the larger its weight. With ``remove_diagonal`` a sample is not its own
    positive. A sample without a positive or without a negative has loss 0 and does not count. Source: Sun
    et al. 2020; Keras ``circle``.

    Raises:
        ValueError: the shapes do not match.

    >>> circle(torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), torch.tensor([0, 0, 1]), gamma=1.0)
    tensor([0.6163, 0.9617, 0.0000])
    """
    y_pred, labels = _labelled(y_pred, y_true)
    positive, negative = _positives_and_negatives(labels, remove_diagonal)
    distance = (1 - y_pred @ y_pred.T).clamp(min=0)
    pull = gamma * (margin + distance) * (distance - margin)
    push = gamma * (1 + margin - distance).clamp(min=0) * (1 - margin - distance)
    counts = positive.any(1) & negative.any(1)
    strength = _log_sum(positive, pull, counts) + _log_sum(negative, push, counts)
    return functional.softplus(strength).where(counts, 0)


def _log_sum(selected: Tensor, exponents: Tensor, counts: Tensor) -> Tensor:
    """Return the log-sum-exp of the selected entries of each row; a constant 0 where a row does not count."""
    kept = exponents.masked_fill(~selected, -torch.inf).masked_fill(~counts.unsqueeze(1), 0)
    return kept.logsumexp(1)


def _mean_over(selected: Tensor, values: Tensor) -> Tensor:
    """Return the mean of the selected values of each row; 0 where none is selected."""
    return values.where(selected, 0).sum(1) / selected.sum(1).clamp(min=1)


def _positives_and_negatives(labels: Tensor, remove_diagonal: bool = True) -> tuple[Tensor, Tensor]:
    """Return two masks ``(..., N, N)``: for the anchor of each row, its positives and its negatives."""
    same = labels.unsqueeze(-1) == labels.unsqueeze(-2)
    itself = torch.eye(labels.shape[-1], dtype=torch.bool, device=labels.device)
    return (same & ~itself if remove_diagonal else same), ~same


def _labelled(y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
    """Return embeddings ``(N, D)`` and labels ``(N,)``, checked."""
    y_pred, labels = floating(y_pred), _without_column(y_true)
    if y_pred.ndim != 2 or labels.shape != y_pred.shape[:1]:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: embeddings are (N, D) "
            "and their classes (N,); given triplets, (N, 3, D), are for triplet_margin"
        )
    if labels.is_floating_point() and bool((labels != labels.round()).any()):
        raise ValueError(
            "y_true holds fractions, which are not classes: swapped? The order is (y_pred, y_true)"
        )
    return y_pred, labels


def _without_column(y_true: Tensor) -> Tensor:
    return y_true.squeeze(-1) if y_true.ndim > 1 and y_true.shape[-1] == 1 else y_true
