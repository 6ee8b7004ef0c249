"""What holds for every loss, whichever they are."""

import math

import pytest
import torch
from cases import LOSSES, draw, variants

from lossbench import choices, losses
from lossbench.errors import ConfigError
from lossbench.parameters import keyword_parameters

CASES = [(name, parameters) for name in LOSSES for parameters in variants(name)]


def value(name, y_pred, y_true, **parameters):
    return losses.function(name)(y_pred, y_true, **parameters)


@pytest.mark.parametrize(("name", "parameters"), CASES)
@pytest.mark.parametrize("shape", [(5,), (5, 2), (2, 5, 3)])
def test_one_value_per_sample_each_by_itself(name, parameters, shape):
    y_pred, y_true = draw(name, shape, from_logits="from_logits" in parameters)
    values = value(name, y_pred, y_true, **parameters)
    assert values.shape == shape
    alone = torch.stack(
        [value(name, y_pred[i : i + 1], y_true[i : i + 1], **parameters) for i in range(shape[0])]
    )
    torch.testing.assert_close(alone.squeeze(1), values, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_gradients_are_those_of_the_value(name, parameters):
    y_pred, y_true = draw(name, (6,), from_logits="from_logits" in parameters)
    y_pred.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: value(name, p, y_true, **parameters), (y_pred,))


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_float32_agrees_with_float64_and_keeps_its_dtype(name, parameters):
    y_pred, y_true = draw(name, (50,), from_logits="from_logits" in parameters)
    exact = value(name, y_pred, y_true, **parameters)
    single = value(name, y_pred.float(), y_true, **parameters)
    assert single.dtype == torch.float32
    # a handful of roundings of 6e-8 each on values of a few units
    torch.testing.assert_close(single.double(), exact, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_inputs_are_left_as_they_are(name, parameters):
    y_pred, y_true = draw(name, (4,), from_logits="from_logits" in parameters)
    before = y_pred.clone(), y_true.clone()
    value(name, y_pred, y_true, **parameters)
    assert torch.equal(y_pred, before[0])
    assert torch.equal(y_true, before[1])


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_do_not_match_are_errors_with_both_shapes(name):
    y_pred, y_true = draw(name, (4,))
    for wrong in (y_true[:3], y_true[:1], torch.cat([y_true, y_true])):
        with pytest.raises(ValueError, match=r"\(4, \d\).*shape|shape.*\(4, \d\)"):
            value(name, y_pred, wrong)
    with pytest.raises(ValueError, match="shape"):
        value(name, y_pred, y_true.unsqueeze(0))


@pytest.mark.parametrize("name", LOSSES)
def test_integer_targets_and_lists_are_taken(name):
    y_pred, y_true = draw(name, (4,), torch.float32)
    if choices.about("loss", name)["target"] != "real":
        expected = value(name, y_pred, y_true)
        torch.testing.assert_close(value(name, y_pred, y_true.long()), expected)
    got = losses.get(name)(y_pred.tolist(), y_true.tolist())
    torch.testing.assert_close(got, losses.get(name)(y_pred, y_true))


@pytest.mark.parametrize(("name", "parameters"), [c for c in CASES if "label_smoothing" not in c[1]])
def test_nothing_beats_the_target_itself(name, parameters):
    """The value is at its least where the prediction says what the target says."""
    logits = "from_logits" in parameters
    y_pred, y_true = draw(name, (20,), from_logits=logits)
    target = choices.about("loss", name)["target"]
    perfect = torch.nn.functional.one_hot(y_true, y_pred.shape[-1]) if target == "index" else y_true
    perfect = perfect.double()
    perfect = (perfect * 2 - 1) * 50 if logits else perfect
    best = value(name, perfect, y_true, **parameters)
    assert (best <= value(name, y_pred, y_true, **parameters) + 1e-12).all()
    torch.testing.assert_close(best, torch.zeros_like(best), atol=2e-7, rtol=0)  # -log(1 - 1e-7)


@pytest.mark.parametrize(("name", "parameters"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finite_at_the_extremes(name, parameters, dtype):
    logits = "from_logits" in parameters
    y_pred, y_true = draw(name, (20,), dtype, from_logits=logits)
    space = choices.about("loss", name)["prediction"]
    if space == "real" or logits:
        extreme = torch.where(y_pred > 0, 1e4, -1e4).to(dtype)
    else:
        extreme = torch.zeros_like(y_pred)
        extreme[..., 0] = 1
    extreme.requires_grad_()
    values = value(name, extreme, y_true, **parameters)
    values.sum().backward()
    assert values.isfinite().all()
    assert extreme.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_parameter_out_of_range_is_named(name):
    for parameter in keyword_parameters(losses.function(name)):
        with pytest.raises(ConfigError, match=parameter.name):
            losses.get(name, **{parameter.name: "nonsense"})
    with pytest.raises(ConfigError, match="no_such_parameter"):
        losses.get(name, no_such_parameter=1)


@pytest.mark.parametrize("bad", [-1.0, 0.0, math.nan, math.inf, True, "1"])
def test_ranges_are_held(bad):
    with pytest.raises(ConfigError, match="delta"):
        losses.Huber(delta=bad)


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_label_smoothing_is_a_share(bad):
    for name in ("binary_crossentropy", "categorical_crossentropy"):
        with pytest.raises(ConfigError, match="label_smoothing"):
            losses.get(name, label_smoothing=bad)


def test_sparse_labels_must_be_classes():
    y_pred = torch.full((3, 4), 0.25)
    for labels in ([0, 1, 4], [0, 1, -100], [0.0, 0.5, 1.0]):
        with pytest.raises(ValueError, match="whole numbers from 0 to 3"):
            losses.sparse_categorical_crossentropy(y_pred, torch.tensor(labels))


@pytest.mark.parametrize("name", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_one_unit_is_no_choice_of_classes(name):
    with pytest.raises(ValueError, match="at least 2"):
        losses.function(name)(torch.ones(3, 1), torch.zeros(3, 1))


def test_sparse_is_categorical_on_indices():
    for from_logits in (False, True):
        y_pred, labels = draw("sparse_categorical_crossentropy", (30,), from_logits=from_logits)
        onehot = torch.nn.functional.one_hot(labels, 4).double()
        torch.testing.assert_close(
            losses.sparse_categorical_crossentropy(y_pred, labels, from_logits=from_logits),
            losses.categorical_crossentropy(y_pred, onehot, from_logits=from_logits),
            rtol=1e-12,
            atol=0,
        )


def test_huber_becomes_half_of_squared_error():
    y_pred, y_true = draw("huber", (30,))
    torch.testing.assert_close(
        losses.huber(y_pred, y_true, delta=1e6), losses.mean_squared_error(y_pred, y_true) / 2
    )


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_a_loss_called_convex_is(name, parameters):
    """Between two predictions it lies below its chord; on probabilities, within their simplex."""
    logits = "from_logits" in parameters
    first, y_true = draw(name, (200,), from_logits=logits)
    second, _ = draw(name, (200,), seed=1, from_logits=logits)
    chord = (value(name, first, y_true, **parameters) + value(name, second, y_true, **parameters)) / 2
    below = value(name, (first + second) / 2, y_true, **parameters) <= chord + 1e-12
    assert below.all() == choices.about("loss", name)["convex"]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_called_bounded_is(name):
    """In its prediction space: how far it grows as the prediction moves from the target."""
    y_pred, y_true = draw(name, (200,))
    space = choices.about("loss", name)["prediction"]
    far = y_pred * 1e6 if space == "real" else y_pred.clamp(0, 0)
    grows = value(name, far, y_true).max() > 100 * value(name, y_pred, y_true).max()
    clipped = space != "real"  # at 1e-7, so that what is unbounded in itself ends at 16.1
    assert choices.about("loss", name)["bounded"] == (not grows and not clipped)


@pytest.mark.parametrize("name", [name for name in LOSSES if choices.about("loss", name)["proper"]])
def test_a_proper_loss_is_least_in_expectation_at_the_true_probabilities(name):
    truth = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    if choices.about("loss", name)["prediction"] == "probability":
        outcomes, weights = torch.eye(2, dtype=torch.float64)[:, :1], truth[:2] / truth[:2].sum()
        truth = weights[:1]
    else:
        index = choices.about("loss", name)["target"] == "index"
        outcomes, weights = (torch.arange(4) if index else torch.eye(4, dtype=torch.float64)), truth
    raw = truth.clone().requires_grad_()

    def expected(p):
        predictions = p.expand(len(weights), -1)
        return (weights * value(name, predictions, outcomes)).sum()

    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        other = (truth + 0.3 * torch.rand(truth.shape, generator=generator, dtype=torch.float64)).clamp(
            0.01, 0.99
        )
        other = other / other.sum() if len(other) > 1 else other
        assert expected(raw) < expected(other)
