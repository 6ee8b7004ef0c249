"""Metrics of classes where they are undefined or impossible."""

import torch

from lossbench.metrics import metric, panel
from lossbench.tasks import BINARY, MULTICLASS


def test_a_ranking_of_one_class_is_undefined():
    got = panel(BINARY, ["auroc"], torch.rand(1, 5, 1), torch.ones(1, 5, dtype=torch.int64))
    assert got["auroc"].isnan().all()


def test_a_ranking_without_one_of_the_classes_is_undefined():
    probabilities = torch.rand(1, 6, 3).softmax(-1)
    targets = torch.tensor([[0, 1, 0, 1, 0, 1]])
    assert panel(MULTICLASS, ["auroc"], probabilities, targets)["auroc"].isnan().all()


def test_ties_in_a_ranking_count_a_half():
    scores, targets = torch.full((1, 4, 1), 0.3), torch.tensor([[0, 1, 1, 0]])
    assert metric(BINARY, "auroc").per_replicate(scores, targets).item() == 0.5


def test_rows_that_differ_in_the_last_digit_of_float64_are_ranked():
    scores = torch.tensor([0.5, 0.5 + 1e-15], dtype=torch.float64).reshape(1, 2, 1)
    assert panel(BINARY, ["auroc"], scores, torch.tensor([[0, 1]]))["auroc"].item() == 1


def test_a_score_has_no_probability_to_be_judged():
    assert {"brier", "ece"} <= set(BINARY.metric_names("probability", weighted=False))
    assert not {"brier", "ece"} & set(BINARY.metric_names("score", weighted=False))
