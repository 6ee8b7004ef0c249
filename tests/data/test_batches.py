"""The shared table: each replicate sees its own rows, scaled by its own training part."""

import numpy as np
import pytest
import torch

from lossbench import registry
from lossbench.data.batches import ReplicatedTable
from lossbench.data.scaling import ScaledColumns
from lossbench.data.splits import split
from lossbench.tasks import STANDARD_DEVIATIONS


def build(dataset, seeds, dtype=torch.float64, scale_targets=True):
    splits = [split(dataset, seed=s, validation=0.2, test=0.2, stratify=True) for s in seeds]
    features = ScaledColumns(
        dataset.features, splits, dtype, scaling=STANDARD_DEVIATIONS, unscaled=dataset.unscaled
    )
    targets = ScaledColumns(
        dataset.target.values, splits, dtype, scaling=STANDARD_DEVIATIONS if scale_targets else None
    )
    return ReplicatedTable(features, {"y": targets}, splits), splits


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_each_replicate_is_scaled_by_its_own_training_part(part):
    dataset = registry.load("data", "diabetes")()
    table, splits = build(dataset, range(3))
    rows = table.rows(part)
    ((features, targets, _),) = table.batches(rows, rows.shape[1])
    for r, division in enumerate(splits):
        for values, got in ((dataset.features, features), (dataset.target.values, targets["y"])):
            train = values[division.train]
            expected = (values[getattr(division, part)] - train.mean(0)) / train.std(0)
            np.testing.assert_allclose(got[r].numpy(), expected, atol=1e-12)


def test_batches_are_the_rows_in_order():
    dataset = registry.load("data", "diabetes")()
    table, _ = build(dataset, range(2))
    rows = table.rows("train")
    whole = next(table.batches(rows, rows.shape[1]))
    sizes = []
    pieces = list(table.batches(rows, 32))
    assert torch.equal(torch.cat([piece[0] for piece in pieces], 1), whole[0])
    assert torch.equal(torch.cat([piece[1]["y"] for piece in pieces], 1), whole[1]["y"])
    sizes = [piece[0].shape[1] for piece in pieces]
    assert sizes[:-1] == [32] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= 32


def test_many_blocks_are_as_one(monkeypatch):
    dataset = registry.load("data", "diabetes")()
    table, _ = build(dataset, range(2))
    rows = table.rows("train")
    expected = list(table.batches(rows, 8))
    monkeypatch.setattr("lossbench.data.batches.BLOCK", 100)
    for got, want in zip(table.batches(rows, 8), expected, strict=True):
        assert torch.equal(got[0], want[0])


def test_user_units_come_back():
    dataset = registry.load("data", "diabetes")()
    table, splits = build(dataset, [5])
    rows = table.rows("test")
    _, targets, _ = next(table.batches(rows, 1000))
    back = table.target("y").in_user_units(targets["y"])
    np.testing.assert_allclose(back[0].numpy(), dataset.target.values[splits[0].test], rtol=1e-12)


def test_unscaled_targets_are_untouched_to_the_bit():
    dataset = registry.load("data", "diabetes")()
    table, splits = build(dataset, [5], scale_targets=False)
    _, targets, _ = next(table.batches(table.rows("test"), 1000))
    assert (targets["y"][0].numpy() == dataset.target.values[splits[0].test]).all()


def test_a_large_offset_costs_float32_no_digits():
    dataset = registry.load("data", "diabetes")()
    dataset.features[:, 0] += 1e9
    single, _ = build(dataset, [0], torch.float32)
    double, _ = build(dataset, [0], torch.float64)
    rows = single.rows("train")
    got, want = (next(table.batches(rows, 1000))[0] for table in (single, double))
    torch.testing.assert_close(got.double(), want, rtol=0, atol=1e-6)


def test_a_constant_column_is_centred():
    dataset = registry.load("data", "diabetes")()
    dataset.features[:, 2] = 7.0
    table, _ = build(dataset, [0])
    features, _, _ = next(table.batches(table.rows("validation"), 1000))
    assert (features[..., 2] == 0).all()


def test_a_column_constant_in_the_training_part_borrows_no_deviation_from_the_rest():
    dataset = registry.load("data", "diabetes")()
    _, (division,) = build(dataset, [0])
    dataset.features[:, 2] = 0.0
    dataset.features[division.test[0], 2] = 1.0
    table, _ = build(dataset, [0])
    features, _, _ = next(table.batches(table.rows("test"), 1000))
    torch.testing.assert_close(features[0, 0, 2], torch.tensor(1.0, dtype=torch.float64))
