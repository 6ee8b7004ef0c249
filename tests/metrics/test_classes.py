"""Metrics of classes where they are undefined or impossible."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from lossbench.metrics import metric, panel
from lossbench.tasks import BINARY, DISTRIBUTION, MASK, MULTICLASS


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


@pytest.mark.parametrize("task", [BINARY, MULTICLASS], ids=str)
def test_a_score_has_no_probability_to_be_judged(task):
    of_probabilities = {"log_loss", "brier", "ece"}
    assert of_probabilities <= set(task.metric_names("probability", weighted=False))
    assert not of_probabilities & set(task.metric_names("score", weighted=False))


def test_certain_predictions_have_a_finite_log_loss_as_in_scikit_learn():
    p, y = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([0, 0, 1, 1])
    expected = sklearn_metrics.log_loss(y.numpy(), p.numpy())
    assert expected > 7
    for task, of_p, of_y in ((BINARY, (1, 4, 1), (1, 4)), (MASK, (1, 2, 2), (1, 2, 2))):
        case = p.view(of_p), y.view(of_y)
        for got in (
            panel(task, ["log_loss"], *case)["log_loss"],
            metric(task, "log_loss").per_replicate(*case),
        ):
            assert got.item() == pytest.approx(expected)
    several, labels = torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 1, 2])
    expected = sklearn_metrics.log_loss(labels.numpy(), several.numpy())
    got = panel(MULTICLASS, ["log_loss"], several[None], labels[None])["log_loss"]
    assert got.item() == pytest.approx(expected, rel=1e-6)


def test_a_share_that_was_predicted_as_0_has_a_finite_divergence():
    certain, even = torch.tensor([[[1.0, 0.0]]]), torch.full((1, 1, 2), 0.5, dtype=torch.float64)
    divergence = panel(DISTRIBUTION, ["kl"], certain, even)["kl"].item()
    assert divergence == pytest.approx(np.log(0.5) - np.log(np.finfo(np.float32).eps) / 2)


@pytest.mark.parametrize("decimals", [1, 9])
def test_tied_scores_share_their_precision(decimals):
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(3, 80, 1, generator=generator, dtype=torch.float64).round(decimals=decimals)
    targets = (torch.rand(3, 80, generator=generator) < 0.15).long()
    got = metric(BINARY, "average_precision").per_replicate(scores, targets)
    expected = [
        sklearn_metrics.average_precision_score(y, p[:, 0]) for y, p in zip(targets, scores, strict=True)
    ]
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)


def test_the_average_precision_without_the_class_is_undefined():
    scores, targets = torch.rand(1, 5, 1), torch.zeros(1, 5, dtype=torch.int64)
    assert panel(BINARY, ["average_precision"], scores, targets)["average_precision"].isnan().all()


def test_the_balanced_accuracy_leaves_out_a_class_that_no_row_has():
    p, y = torch.eye(3)[[0, 2, 1, 1]], torch.tensor([0, 0, 1, 1])
    assert panel(MULTICLASS, ["balanced_accuracy"], p[None], y[None])["balanced_accuracy"].item() == 0.75
