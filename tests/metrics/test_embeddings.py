"""Nearest neighbours among embeddings, in blocks."""

import torch

from lossbench.metrics import embeddings
from lossbench.metrics.embeddings import nearest_other


def test_the_nearest_row_is_never_the_row_itself():
    points = torch.tensor([[0.0], [0.0], [5.0], [5.5]])
    assert nearest_other(points).tolist() == [1, 0, 3, 2]


def test_many_blocks_are_as_one(monkeypatch):
    points = torch.rand(50, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 7
    expected = [
        nearest_other(points),
        *(metric.function(points, labels) for metric in embeddings.RETRIEVAL.values()),
    ]
    monkeypatch.setattr(embeddings, "_QUERIES", 8)
    got = [
        nearest_other(points),
        *(metric.function(points, labels) for metric in embeddings.RETRIEVAL.values()),
    ]
    assert all(torch.equal(one_block, blocks) for one_block, blocks in zip(expected, got, strict=True))


def test_a_class_of_a_single_row_is_no_query():
    points, labels = torch.tensor([[0.0], [0.1], [5.0]]), torch.tensor([0, 0, 1])
    assert embeddings.RETRIEVAL["precision_at_1"].function(points, labels) == 1
    assert embeddings.RETRIEVAL["map_at_r"].function(points, labels) == 1
