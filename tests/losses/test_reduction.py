"""Reduction where Keras is no oracle: deviations from Keras, replicates and errors."""

import pytest
import torch

from lossbench import losses
from lossbench.losses.reduction import reduce
from lossbench.signatures import REDUCTIONS, canonical_reduction


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(6,), (6, 3)])
def test_a_replicate_is_reduced_independently_of_the_others(reduction, weighted, masked, shape):
    generator = torch.Generator().manual_seed(1)
    values = torch.rand(4, *shape, generator=generator)
    weights = torch.rand(4, 6, generator=generator) if weighted else None
    mask = torch.rand(4, *shape, generator=generator) > 0.4 if masked else None
    together = reduce(values, weights, reduction=reduction, mask=mask)
    for r in range(4):
        single = [None if t is None else t[r : r + 1] for t in (weights, mask)]
        alone = reduce(values[r : r + 1], single[0], reduction=reduction, mask=single[1])
        torch.testing.assert_close(together[r : r + 1], alone)


def test_vector_weights_are_per_sample_even_if_there_are_as_many_time_steps():
    """Keras applies them to the time axis if N == T."""
    loss = losses.get("mse", reduction="none")
    got = loss(torch.ones(3, 3, 1), torch.zeros(3, 3, 1), torch.tensor([1.0, 2.0, 3.0]))
    assert got.tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3]


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 2), (1, 3), (3, 2, 1, 1)])
def test_weights_that_fit_no_axis_are_an_error_that_shows_both_shapes(shape):
    with pytest.raises(ValueError, match="sample_weight of shape"):
        losses.get("mse")(torch.ones(3, 1), torch.zeros(3, 1), torch.ones(shape))


@pytest.mark.parametrize("written", ["SUM", "Sum", "sum"])
def test_the_name_of_a_reduction_may_be_in_any_case(written):
    assert canonical_reduction(written) == "sum"


def test_auto_is_the_default_and_none_keeps_all_values():
    assert canonical_reduction("AUTO") == "sum_over_batch_size"
    assert canonical_reduction(None) == "none"


def test_an_unknown_reduction_is_an_error():
    with pytest.raises(ValueError, match="batchmean"):
        losses.get("mse", reduction="batchmean")


def test_masked_values_enter_no_mean():
    pred, true = torch.tensor([[1.0], [2.0], [float("nan")]]), torch.zeros(3, 1)
    mask = [True, True, False]
    assert losses.get("mse")(pred, true, mask=mask) == 2.5
    assert losses.get("mse", reduction="sum")(pred, true, mask=mask) == 5.0
    assert losses.get("mse", reduction="none")(pred, true, mask=mask).tolist() == [1.0, 4.0, 0.0]
    weighted = losses.get("mse", reduction="mean_with_sample_weight")
    assert weighted(pred, true, torch.tensor([3.0, 1.0, 9.0]), mask) == 7.0 / 4.0
    steps = losses.get("mse")(torch.ones(2, 3, 1) * 2, torch.zeros(2, 3, 1), mask=torch.eye(2, 3))
    assert steps == 4.0
    ignored = losses.get("scce", ignore_class=0)
    y_pred, labels = torch.full((3, 2), 0.5), torch.tensor([0, 1, 1])
    assert ignored(y_pred, labels, mask=[True, True, False]) == pytest.approx(0.6931472)
    with pytest.raises(ValueError, match="mask of shape"):
        losses.get("mse")(pred, true, mask=[True, False])


def test_a_scalar_weight_applies_to_all_samples():
    assert losses.get("mse", reduction="mean_with_sample_weight")([3.0, 1.0], [1.0, 1.0], 2.0) == 2.0
    assert losses.get("mse")([3.0, 1.0], [1.0, 1.0], 2.0) == 4.0
