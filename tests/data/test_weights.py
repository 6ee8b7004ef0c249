"""Weights of rows: from a column, and to balance classes."""

import numpy as np
import pytest
import torch
from frames import CLASSES, FRAME, WEIGHTS, batch_of, fit

from lossbench.data.splits import Split
from lossbench.data.weights import balanced_weights, row_weights


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_a_weighted_loss_is_the_weighted_mean_of_keras(build, reduction):
    frame = FRAME[["a", "b", "y", "weight"]]
    overrides = ("data.weight=weight", f"loss.reduction={reduction}", "replicates=2")
    _, dataset, splits, module = build(frame, *overrides)
    assert dataset.feature_names == ("a", "b")
    for part in ("train", "validation", "test"):
        predictions, targets, losses = module.evaluate(part)
        errors = (predictions["output"] - targets["mean_squared_error"]).square().squeeze(-1).numpy()
        weights = np.stack([WEIGHTS[getattr(split, part)] for split in splits])
        # a record is a mean over values, of a sum too
        by = weights.sum(1) if reduction == "mean_with_sample_weight" else errors.shape[1]
        np.testing.assert_allclose(losses[0], (weights * errors).sum(1) / by, rtol=1e-12)


def test_a_weight_trains_as_rows_repeated_that_often(build):
    """Of categories, which are not standardised, with whole batches: else the means would differ."""
    frame = FRAME[["kind", "y", "part", "weight"]]
    common = (
        "data.split_column=part",
        "data.scale_target=false",
        "data.scale_output=false",
        "model.initial_output=random",
        "data.batch_size=1000",
        "optimizer=sgd",
        "optimizer.lr=0.1",
        "trainer.max_epochs=5",
        "trainer.keep=last",
    )
    weighted = build(frame, *common, "data.weight=weight", "loss.reduction=mean_with_sample_weight")
    repeated = frame.loc[np.repeat(frame.index, WEIGHTS)].drop(columns="weight")
    twice = build(repeated, *common)
    start = [parameter.clone() for parameter in weighted[3].network.parameters()]
    ends = [list(fit(built[0], built[3]).network.parameters()) for built in (weighted, twice)]
    for before, after, expected in zip(start, *ends, strict=True):
        assert not torch.equal(before, after)
        torch.testing.assert_close(after, expected, rtol=0, atol=1e-12)


def assert_balanced(labels, weights):
    for row, counts in zip(labels.squeeze(-1), weights, strict=True):
        of_class = [counts[row == k].sum() for k in range(3)]
        np.testing.assert_allclose(of_class, len(row) / 3, rtol=1e-12)


def test_balanced_weights_make_all_classes_of_the_training_part_count_alike(build):
    overrides = ("loss=scce", "data.class_weight=balanced", "replicates=3", "data.stratify=false")
    *_, module = build(CLASSES, *overrides, target="kind")
    _, labels, weights = batch_of(module)
    assert_balanced(labels, weights)
    assert len({tuple(np.bincount(row.astype(int).ravel())) for row in labels}) > 1  # and each its own


def test_balanced_weights_and_the_rows_own_multiply(build):
    frame = FRAME[["a", "kind", "weight"]]
    both, balance = (
        batch_of(build(frame, "loss=scce", "data.class_weight=balanced", *more, target="kind")[3])[2]
        for more in (["data.weight=weight"], ["data.exclude=[weight]"])
    )
    rows = build(frame, "loss=scce", target="kind")[2][0].train
    np.testing.assert_allclose(both[0], balance[0] * WEIGHTS[rows], rtol=1e-12)


def test_balanced_weights_are_of_the_labels_that_are_seen_not_of_the_true_ones(build):
    overrides = ("loss=scce", "data.class_weight=balanced", "data.label_noise=0.4", "replicates=2")
    *_, module = build(CLASSES, *overrides, target="kind")
    _, labels, weights = batch_of(module)
    assert_balanced(labels, weights)


def rows(*indices):
    return np.array(indices, dtype=np.int64)


def test_without_any_weights_there_are_none():
    assert row_weights(3, None, None, [rows(), rows()]) is None


def test_weights_of_the_data_are_the_same_for_all_replicates():
    given = np.array([1.0, 2.0, 0.5])
    assert row_weights(3, given, None, [rows(), rows()]).tolist() == [[1, 2, 0.5]]


def test_rows_without_a_label_have_weight_0_and_nothing_else_changes():
    given = np.array([1.0, 2.0, 0.5])
    got = row_weights(3, given, None, [rows(0), rows(1, 2)])
    assert got.tolist() == [[0, 2, 0.5], [1, 0, 0]]
    assert given.tolist() == [1, 2, 0.5]
    assert row_weights(2, None, None, [rows(1)]).tolist() == [[1, 0]]


def test_all_weights_of_a_row_multiply():
    balance = np.array([[3.0, 1.0], [1.0, 5.0]])
    assert row_weights(2, np.array([2.0, 4.0]), balance, [rows(), rows(0)]).tolist() == [[6, 4], [0, 20]]


def test_weights_balance_each_replicates_training_part_alone():
    values = np.array([0, 0, 0, 1, 1, 1])
    splits = [Split(rows(0, 1, 2, 3), rows(4), rows(5)), Split(rows(0, 3, 4, 5), rows(1), rows(2))]
    got = balanced_weights(values, splits, 2)
    np.testing.assert_allclose(got, [[2 / 3] * 3 + [2] * 3, [2] * 3 + [2 / 3] * 3])
