"""Means, deviations and medians: scikit-learn's to the last bit, and NumPy's where it has none."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from lossbench.data import dataset
from lossbench.data.dataset import row_blocks
from lossbench.data.moments import mean_and_deviation, medians


def by_scikit_learn(rows, offset, factor):
    scaler = StandardScaler()
    for block in row_blocks(rows):
        scaler.partial_fit((rows[block] - offset) / factor)
    return scaler.mean_, scaler.scale_


def draw(seed):
    """Columns of any scale and offset, some of them with gaps, in either memory layout."""
    random = np.random.default_rng(seed)
    columns = random.integers(1, 9)
    rows = random.normal(size=(200, columns)) * 10.0 ** random.integers(-12, 12, columns)
    rows += 10.0 ** random.integers(-3, 12, columns) * random.integers(0, 2, columns)
    if seed % 2:
        rows[random.random(rows.shape) < 0.02] = np.nan
    return np.asfortranarray(rows) if seed % 3 else rows


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("block", [2**20, 100])
def test_mean_and_deviation_are_scikit_learns_to_the_bit(monkeypatch, seed, block):
    monkeypatch.setattr(dataset, "BLOCK", block)
    rows = draw(seed)
    least_spread = mean_and_deviation(rows, [])[1]
    for offset, factor in ((0.0, 1.0), (medians(rows, []), least_spread)):
        got, expected = mean_and_deviation(rows, [], offset, factor), by_scikit_learn(rows, offset, factor)
        assert all(np.array_equal(*pair) for pair in zip(got, expected, strict=True))


@pytest.mark.parametrize("gap", [slice(0, 20), slice(40, 60), slice(180, 200)])
def test_a_block_without_values_changes_nothing(monkeypatch, gap):
    monkeypatch.setattr(dataset, "BLOCK", 20)
    rows = np.random.default_rng(0).normal(50, 9, (200, 1))
    rows[gap] = np.nan
    mean, deviation = mean_and_deviation(rows, [])
    np.testing.assert_allclose([mean[0], deviation[0]], [np.nanmean(rows), np.nanstd(rows)], rtol=1e-13)


def test_constant_empty_and_skipped_columns():
    rows = np.array([[7.0, np.nan, 1.0], [7.0, np.nan, 5.0]])
    mean, deviation = mean_and_deviation(rows, [2], factor=np.array([4.0, 1.0, 1.0]))
    assert mean.tolist() == [7 / 4, 0, 0]
    assert deviation.tolist() == [1 / 4, 1, 1]


def test_medians_leave_gaps_out():
    rows = np.array([[1.0, np.nan, 9.0], [np.nan, np.nan, 9.0], [5.0, np.nan, 9.0]])
    assert medians(rows, [2]).tolist() == [3, 0, 0]
