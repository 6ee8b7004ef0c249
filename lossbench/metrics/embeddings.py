"""Metrics of embeddings.

A pair is judged by the distance of its items, ``(R, N, 1)``; a triplet by how much nearer the second item is
to the first than the third is, ``(R, N, 1)``. Their targets are 0 or 1, ``(R, N, 1)``. Retrieval is judged by
the embeddings themselves, ``(R, N, D)``, with class indices ``(R, N)`` as targets.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torchmetrics import functional

from lossbench.metrics.base import Metric
from lossbench.metrics.classes import (
    auroc,
    auroc_by_ranks,
    average_precision,
    average_precision_by_ranks,
)

_classification: Any = functional.classification
_QUERIES = 1024  # rows whose distances to all others are in memory at a time


def _pair_auroc(distances: Tensor, targets: Tensor) -> Tensor:
    return auroc(-distances, targets.long().squeeze(-1))


def _pair_auroc_by_ranks(distances: Tensor, targets: Tensor) -> Tensor:
    return auroc_by_ranks(-distances, targets)


def _pair_average_precision(distances: Tensor, targets: Tensor) -> Tensor:
    return average_precision(-distances, targets)


def _pair_average_precision_by_ranks(distances: Tensor, targets: Tensor) -> Tensor:
    return average_precision_by_ranks(-distances, targets)


def _triplet_accuracy(margins: Tensor, targets: Tensor) -> Tensor:
    accuracy: Tensor = _classification.binary_accuracy((margins > 0).long(), targets.long())
    return accuracy


def _triplet_hits(margins: Tensor, targets: Tensor) -> Tensor:
    return ((margins > 0) == (targets > 0)).squeeze(-1)


def _distances(embeddings: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield some rows of ``(N, D)`` at a time and their distances to all rows, infinite to themselves."""
    for rows in torch.arange(len(embeddings), device=embeddings.device).split(_QUERIES):
        distance = torch.cdist(embeddings[rows], embeddings, compute_mode="donot_use_mm_for_euclid_dist")
        distance[torch.arange(len(rows)), rows] = torch.inf
        yield rows, distance


def nearest_other(embeddings: Tensor) -> Tensor:
    """Return for each row of ``(N, D)`` the index of the row nearest to it."""
    return torch.cat([distance.argmin(1) for _, distance in _distances(embeddings)])


def _precision_at_1(embeddings: Tensor, targets: Tensor) -> Tensor:
    """Compute the share of rows whose nearest row is of their class.

    Rows that are the only ones of their class are left out.
    """
    hits = targets[nearest_other(embeddings)] == targets
    return hits[targets.bincount()[targets] > 1].double().mean()


def _map_at_r(embeddings: Tensor, targets: Tensor) -> Tensor:
    """Compute MAP@R (Musgrave et al. 2020, arXiv:2003.08505).

    Each row is a query. Let R be the number of other rows of its class. Of the R nearest rows, the precisions
    at those of the class are summed and divided by R; the mean over queries is the result. Rows that are the
    only ones of their class are left out.
    """
    average = []
    for rows, distance in _distances(embeddings):
        hits = targets[distance.argsort(dim=-1, stable=True)[:, :-1]] == targets[rows, None]
        others = hits.sum(1)
        rank = torch.arange(1, hits.shape[1] + 1, device=hits.device)
        relevant = (hits & (rank <= others[:, None])).double()
        precisions = relevant * relevant.cumsum(1) / rank
        average.append((precisions.sum(1) / others)[others > 0])
    return torch.cat(average).mean()


PAIRS = {
    "auroc": Metric(_pair_auroc, _pair_auroc_by_ranks),
    "average_precision": Metric(_pair_average_precision, _pair_average_precision_by_ranks),
}
TRIPLETS = {"accuracy": Metric(_triplet_accuracy, of_each=_triplet_hits)}
RETRIEVAL = {"precision_at_1": Metric(_precision_at_1), "map_at_r": Metric(_map_at_r)}
