"""The one reduction, where Keras is no oracle: rulings, replicates and refusals."""

import pytest
import torch

from lossbench import losses
from lossbench.losses.reduction import REDUCTIONS, canonical_reduction, reduce


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(6,), (6, 3)])
def test_each_replicate_is_reduced_as_if_alone(reduction, weighted, masked, shape):
    generator = torch.Generator().manual_seed(1)
    values = torch.rand(4, *shape, generator=generator)
    weights = torch.rand(4, 6, generator=generator) if weighted else None
    mask = torch.rand(4, *shape, generator=generator) > 0.4 if masked else None
    together = reduce(values, weights, reduction=reduction, mask=mask)
    for r in range(4):
        own = [None if t is None else t[r : r + 1] for t in (weights, mask)]
        alone = reduce(values[r : r + 1], own[0], reduction=reduction, mask=own[1])
        torch.testing.assert_close(together[r : r + 1], alone)


def test_vector_weights_are_per_sample_even_where_steps_are_as_many():
    """Keras multiplies the time axis when N == T."""
    loss = losses.get("mse", reduction="none")
    got = loss(torch.ones(3, 3, 1), torch.zeros(3, 3, 1), torch.tensor([1.0, 2.0, 3.0]))
    assert got.tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3]


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 2), (1, 3), (3, 2, 1, 1)])
def test_weights_that_fit_no_axis_are_refused_with_both_shapes(shape):
    with pytest.raises(ValueError, match="sample_weight of shape"):
        losses.get("mse")(torch.ones(3, 1), torch.zeros(3, 1), torch.ones(shape))


@pytest.mark.parametrize("written", ["SUM", "Sum", "sum"])
def test_names_in_any_case(written):
    assert canonical_reduction(written) == "sum"


def test_auto_and_none():
    assert canonical_reduction("AUTO") == "sum_over_batch_size"
    assert canonical_reduction(None) == "none"


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="batchmean"):
        losses.get("mse", reduction="batchmean")


def test_a_mask_leaves_values_out_of_every_mean():
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


def test_a_scalar_weight_counts_for_all():
    assert losses.get("mse", reduction="mean_with_sample_weight")([3.0, 1.0], [1.0, 1.0], 2.0) == 2.0
    assert losses.get("mse")([3.0, 1.0], [1.0, 1.0], 2.0) == 4.0
