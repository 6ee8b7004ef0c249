"""Losses of embeddings: what is alike shall lie near, what is not apart. By pairs, triplets or labels."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from annotated_types import Interval
from torch import Tensor
from torch.nn import functional

from lossbench.losses.checks import floating, in_float32, paired_with_targets
from lossbench.losses.reduction import counting
from lossbench.signatures import NonNegative, Positive

Norm = Annotated[float, Interval(ge=1, le=8)]  # a larger power of 1e4 would overflow
_FEW = 256  # rows whose distances are taken one by one, to the last digit
_NEAR_ZERO = 1e-6  # torch's, added to each difference: a distance of 0 has a slope


@in_float32
def contrastive(y_pred: Tensor, y_true: Tensor, *, margin: Positive = 1.0) -> Tensor:
    """Squared distance of a pair that is alike; of one that is not, what it lacks of ``margin``, squared.

    Domain: ``y_true`` 1 (alike) or 0, ``(...)`` or ``(..., 1)``; ``y_pred`` the pair's two embeddings
    ``(..., 2, D)``, or their distances in the shape of ``y_true``. Value ``(...)``:
    ``y d² + (1 - y) max(margin - d, 0)²`` with Euclidean ``d``. Source: Hadsell, Chopra and LeCun 2006 (who
    halve it); tensorflow-addons' ``contrastive_loss``.

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
    apart = (margin - distance).clamp(min=0)
    return (y_true * distance.square() + (1 - y_true) * apart.square()).mean(-1)


@in_float32
def triplet_margin(
    y_pred: Tensor, y_true: Tensor, *, margin: Positive = 1.0, p: Norm = 2.0, swap: bool = False
) -> Tensor:
    """Of given triplets: how much the like one fails to be nearer than the unlike one by ``margin``.

    Domain: ``y_pred`` embeddings ``(..., 3, D)`` of an anchor and two others; ``y_true``, ``(...)`` or
    ``(..., 1)``, 1 where the first of the two is the one like the anchor, 0 where it is the second. Value
    ``(...)``: ``max(0, d(anchor, like) - d(anchor, unlike) + margin)``, ``d`` the ``p``-norm of the
    difference; ``swap`` takes for the second distance that between the two others where it is smaller.
    Source: Balntas et al. 2016; torch's ``triplet_margin_loss``, which is this for targets of 1.

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
    anchor, one, other = y_pred.unbind(-2)
    to_one, first = paired_with_targets(functional.pairwise_distance(anchor, one, p, _NEAR_ZERO), first)
    to_other = functional.pairwise_distance(anchor, other, p, _NEAR_ZERO)
    if swap:
        between = functional.pairwise_distance(one, other, p, _NEAR_ZERO)
        to_one, to_other = (
            torch.where(first == 1, to_one, torch.minimum(to_one, between)),
            torch.where(first == 1, torch.minimum(to_other, between), to_other),
        )
    return ((2 * first - 1) * (to_one - to_other) + margin).relu()


def _with_partners(labels: Tensor, parameters: Mapping[str, Any]) -> Tensor:
    """Which samples have both another of their class in the batch and one of a different class."""
    like, unlike = _like_and_unlike(labels, parameters.get("remove_diagonal", True))
    return like.any(-1) & unlike.any(-1)


@counting(_with_partners)
@in_float32
def triplet(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    margin: Positive = 1.0,
    mining: Literal["all", "hard", "semihard"] = "semihard",
) -> Tensor:
    """Of all triplets in a batch, or the telling ones: how much like fails to be nearer than unlike.

    Domain: ``y_pred`` embeddings ``(N, D)``; ``y_true`` their classes, ``(N,)`` or ``(N, 1)``. Value
    ``(N,)``: for each sample as anchor the mean of ``max(0, d(anchor, like) - d(anchor, unlike) + margin)``,
    Euclidean, over ``all`` its triplets; for its farthest like and nearest unlike sample (``hard``); or for
    each like one with the nearest unlike that is farther, or if none is with the farthest (``semihard``).
    A sample without a like or an unlike one is 0 and does not count. Source: Schroff et al. 2015; Hermans
    et al. 2017; tensorflow-addons' ``triplet_semihard_loss``, which has one mean over all pairs.

    Raises:
        ValueError: the shapes do not match.

    >>> triplet(torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([0, 0, 1]), margin=4.0)
    tensor([2., 3., 0.])
    """
    y_pred, labels = _labelled(y_pred, y_true)
    if not len(labels):
        return y_pred.sum(1)
    like, unlike = _like_and_unlike(labels)
    distance = _distances(y_pred)
    if mining == "hard":
        farthest_like = distance.masked_fill(~like, 0).amax(1)
        nearest_unlike = distance.masked_fill(~unlike, torch.inf).amin(1)
        values = (farthest_like - nearest_unlike + margin).relu()
    else:
        values = _mean_over(like, _lacking(distance, unlike, margin, mining))
    return values.where(like.any(1) & unlike.any(1), 0).to(y_pred.dtype)


def _lacking(distance: Tensor, unlike: Tensor, margin: float, mining: str) -> Tensor:
    """For each anchor and each other sample, taken for a like one: by how much unlike ones are too near."""
    nearest_first = distance.double().masked_fill(~unlike, torch.inf).sort().values
    steps, count = nearest_first.detach(), unlike.sum(1, keepdim=True)
    nearest_first = nearest_first.masked_fill(steps == torch.inf, 0)
    if mining == "semihard":
        farther = torch.searchsorted(steps, distance.detach().double(), right=True)
        chosen = nearest_first.gather(1, torch.minimum(farther, count - 1).clamp(min=0))
        return (distance - chosen + margin).relu()
    # all that are nearer than d + margin lack their number times that, less their sum
    reach = distance.double() + margin
    nearer = torch.searchsorted(steps, reach.detach())
    sums = functional.pad(nearest_first.cumsum(1), (1, 0))
    return (nearer * reach - sums.gather(1, nearer)) / count.clamp(min=1)


def _distances(embeddings: Tensor) -> Tensor:
    """Euclidean, of each row to each; of many rows multiplied out, round their centre, which is fast."""
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
    """Pulls like directions together and pushes unlike ones apart, each pair the more the worse it is.

    Domain: ``y_pred`` embeddings of length 1, ``(N, D)``; ``y_true`` their classes, ``(N,)`` or ``(N, 1)``.
    Value ``(N,)``: ``log(1 + Σ_like exp(-gamma (m + d)(m - d)) Σ_unlike exp(gamma (1 + m - d)(1 - m - d)))``
    with cosine distance ``d``, margin ``m``, each first bracket at least 0; gradients pass through both
    brackets, as in Keras. With ``remove_diagonal`` a sample is no like one of its own. A sample without a
    like or an unlike one is 0 and does not count. Source: Sun et al. 2020; Keras ``circle``.

    Raises:
        ValueError: the shapes do not match.

    >>> circle(torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), torch.tensor([0, 0, 1]), gamma=1.0)
    tensor([0.6163, 0.9617, 0.0000])
    """
    y_pred, labels = _labelled(y_pred, y_true)
    like, unlike = _like_and_unlike(labels, remove_diagonal)
    distance = (1 - y_pred @ y_pred.T).clamp(min=0)
    pull = gamma * (margin + distance) * (distance - margin)
    push = gamma * (1 + margin - distance).clamp(min=0) * (1 - margin - distance)
    counts = like.any(1) & unlike.any(1)
    strength = _log_sum(like, pull, counts) + _log_sum(unlike, push, counts)
    return functional.softplus(strength).where(counts, 0)


def _log_sum(which: Tensor, exponents: Tensor, counts: Tensor) -> Tensor:
    """The logarithm of the sum of exponentials of some in each row; 0, with no slope, of rows left out."""
    kept = exponents.masked_fill(~which, -torch.inf).masked_fill(~counts.unsqueeze(1), 0)
    return kept.logsumexp(1)


def _mean_over(like: Tensor, values: Tensor) -> Tensor:
    return values.where(like, 0).sum(1) / like.sum(1).clamp(min=1)


def _like_and_unlike(labels: Tensor, remove_diagonal: bool = True) -> tuple[Tensor, Tensor]:
    """For each sample as anchor, in its row, the others of its class and those of another."""
    same = labels.unsqueeze(-1) == labels.unsqueeze(-2)
    itself = torch.eye(labels.shape[-1], dtype=torch.bool, device=labels.device)
    return (same & ~itself if remove_diagonal else same), ~same


def _labelled(y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
    y_pred, labels = floating(y_pred), _without_column(y_true)
    if y_pred.ndim != 2 or labels.shape != y_pred.shape[:1]:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: embeddings are (N, D) "
            "and their classes (N,); given triplets, (N, 3, D), are for triplet_margin"
        )
    if labels.is_floating_point() and bool((labels != labels.round()).any()):
        raise ValueError(
            "y_true holds fractions, which are no classes: swapped? The order is (y_pred, y_true)"
        )
    return y_pred, labels


def _without_column(y_true: Tensor) -> Tensor:
    return y_true.squeeze(-1) if y_true.ndim > 1 and y_true.shape[-1] == 1 else y_true
