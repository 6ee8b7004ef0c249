"""Targets and features are given to networks in units of their training part, and come back in the data's."""

import numpy as np
import pytest
import torch
from frames import FRAME, REGRESSION, batch_of
from sklearn.metrics import mean_squared_log_error

from lossbench.data.scaling import limited


def test_counts_are_multiples_of_the_mean_of_the_training_part(build):
    frame = FRAME[["a", "b", "count"]]
    *_, splits, module = build(frame, "loss=poisson", "replicates=2", target="count")
    for targets, split in zip(batch_of(module)[1], splits, strict=True):
        true = frame["count"].to_numpy()[split.train]
        np.testing.assert_allclose(targets[:, 0], true / true.mean(), rtol=1e-12)
    back = module.table.target("poisson").in_user_units(torch.as_tensor(batch_of(module)[1]))
    np.testing.assert_allclose(back[0, :, 0], frame["count"].to_numpy()[splits[0].train], rtol=1e-12)


def test_the_units_of_the_data_are_kept_if_asked_for(build):
    frame = FRAME[["a", "b", "count"]]
    _, _, (split,), module = build(
        frame, "loss=poisson", "data.scale_target=false", "data.scale_output=false", target="count"
    )
    np.testing.assert_array_equal(batch_of(module)[1][0, :, 0], frame["count"].to_numpy()[split.train])


def test_a_change_of_unit_changes_no_prediction_of_a_scaled_loss(build):
    """Euros and thousands of euros: the network learns the same numbers."""
    euros = FRAME[["a", "b"]].assign(price=np.exp(FRAME["y"] / FRAME["y"].std() + 8))
    thousands = euros.assign(price=euros["price"] / 1000)
    batches = [
        batch_of(build(frame, "loss=mse", "data.task=positive", target="price")[3])[1]
        for frame in (euros, thousands)
    ]
    np.testing.assert_allclose(*batches, rtol=1e-9)


def test_the_squared_logarithmic_error_is_that_of_the_units_of_the_data(build):
    """log(1 + y) has another meaning for y / mean; scikit-learn is given the units of the data."""
    frame = FRAME[["a", "b"]].assign(price=np.exp(FRAME["y"] / FRAME["y"].std() + 3))
    _, dataset, (split,), module = build(frame, "loss=msle", target="price")
    predictions, _, losses = module.evaluate("test")
    predicted = module.table.target("mean_squared_logarithmic_error").in_user_units(predictions["output"])
    expected = mean_squared_log_error(dataset.target.values[split.test], predicted[0])
    assert losses[0, 0] == pytest.approx(expected, rel=1e-9)


def test_a_limit_bends_large_features_and_leaves_categories_alone(build):
    frame = REGRESSION.assign(kind=FRAME["kind"])
    frame.loc[3, "a"] = 1e6
    plain, bent = (batch_of(build(frame, f"data.feature_limit={limit}")[3])[0] for limit in ("null", "3"))
    names = build(frame)[1].feature_names
    numbers = [index for index, name in enumerate(names) if not name.startswith("kind")]
    others = [index for index in range(len(names)) if index not in numbers]
    x = plain[..., numbers]
    np.testing.assert_allclose(bent[..., numbers], x / np.sqrt(1 + (x / 3) ** 2), rtol=1e-9)
    np.testing.assert_array_equal(bent[..., others], plain[..., others])
    assert np.abs(bent).max() < 3


def test_no_number_is_too_large_for_the_limit():
    x = torch.tensor([0.0, -1e38, 1e38, torch.nan], requires_grad=True)
    bent = limited(x, torch.tensor(3.0))
    np.testing.assert_allclose(bent.detach(), [0, -3, 3, np.nan])
    np.testing.assert_allclose(torch.autograd.grad(bent[0], x)[0][0], 1)


def test_zeros_and_ones_of_categories_have_no_limit():
    x = torch.tensor([0.0, 1.0])
    assert torch.equal(limited(x, torch.tensor(torch.inf)), x)


def test_networks_predict_scaled_numbers_whatever_the_loss_is_given(build):
    """Of prices around 10,000 a network would else spend its whole training on the way to them."""
    frame = FRAME[["a", "b"]].assign(price=1e4 + 1e3 * FRAME["y"] / FRAME["y"].std())
    _, dataset, (split,), module = build(frame, "loss=huber", "data.scale_target=false", target="price")
    _, targets, losses = module.evaluate("test")
    assert targets["huber"].abs().max() < 10
    error = dataset.target.values[split.test] - dataset.target.values[split.train].mean()
    expected = np.where(np.abs(error) < 1, error**2 / 2, np.abs(error) - 0.5).mean()
    assert losses[0, 0] == pytest.approx(expected, rel=0.01)  # starts near the median


@pytest.mark.parametrize(
    ("overrides", "units"),
    [
        (("loss=huber",), "standard deviations of the training part"),
        (("loss=poisson",), "multiples of the mean of the training part"),
        (("loss=msle",), "the units of the data"),
        (("loss=huber", "data.scale_target=false"), "the units of the data"),
    ],
)
def test_the_record_says_in_which_units_a_loss_is(train, overrides, units):
    outcome = train(*overrides, "trainer.max_epochs=1")
    (result,) = outcome.results
    assert list(result.loss_units.values()) == [units]
    assert f"loss in {units}\n" in outcome.out


def test_classes_have_no_units(train):
    (result,) = train("loss=bce", "trainer.max_epochs=1").results
    assert result.loss_units == {}
