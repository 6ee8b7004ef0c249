"""Properties that every loss has; a new loss is tested as soon as it exists."""

import math

import pytest
import torch
from cases import ELEMENTWISE, LOSSES, draw, perfect, variants

from lossbench import losses, registry
from lossbench.errors import ConfigError
from lossbench.signatures import keyword_parameters

CASES = [(name, parameters) for name in LOSSES for parameters in variants(name)]


def value(name, y_pred, y_true, **parameters):
    return losses.function(name)(y_pred, y_true, **parameters)


@pytest.mark.parametrize(("name", "parameters"), [case for case in CASES if case[0] in ELEMENTWISE])
@pytest.mark.parametrize("shape", [(5,), (5, 2), (2, 5, 3)])
def test_an_elementwise_loss_gives_a_value_per_sample_that_no_other_sample_affects(name, parameters, shape):
    y_pred, y_true = draw(name, shape, from_logits="from_logits" in parameters)
    values = value(name, y_pred, y_true, **parameters)
    assert values.shape == shape
    alone = torch.stack(
        [value(name, y_pred[i : i + 1], y_true[i : i + 1], **parameters) for i in range(shape[0])]
    )
    # torch computes the last elements of an array without SIMD, which may round the last bit differently
    torch.testing.assert_close(alone.squeeze(1), values, rtol=1e-15, atol=0)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_gradients_agree_with_finite_differences(name, parameters):
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
def test_inputs_are_not_modified(name, parameters):
    y_pred, y_true = draw(name, (4,), from_logits="from_logits" in parameters)
    before = y_pred.clone(), y_true.clone()
    value(name, y_pred, y_true, **parameters)
    assert torch.equal(y_pred, before[0])
    assert torch.equal(y_true, before[1])


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_do_not_match_are_an_error_that_shows_them(name):
    y_pred, y_true = draw(name, (4,))
    for wrong in (y_true[:3], y_true[:1], torch.cat([y_true, y_true])):
        with pytest.raises(ValueError, match=r"shape.*\(4, "):
            value(name, y_pred, wrong)
    with pytest.raises(ValueError, match="shape"):
        value(name, y_pred, y_true.unsqueeze(0))


@pytest.mark.parametrize("name", LOSSES)
def test_integer_targets_and_lists_are_accepted(name):
    y_pred, y_true = draw(name, (4,), torch.float32)
    if registry.loss(name).facts["target"] not in ("real", "vector", "positive"):
        expected = value(name, y_pred, y_true)
        torch.testing.assert_close(value(name, y_pred, y_true.long()), expected)
    got = losses.get(name)(y_pred.tolist(), y_true.tolist())
    torch.testing.assert_close(got, losses.get(name)(y_pred, y_true))


@pytest.mark.parametrize(("name", "parameters"), [c for c in CASES if "label_smoothing" not in c[1]])
def test_a_perfect_prediction_has_the_smallest_loss(name, parameters):
    """A prediction that equals the target has the smallest value, which is 0 for most losses."""
    logits = "from_logits" in parameters
    y_pred, y_true = draw(name, (20,), from_logits=logits)
    best = value(name, perfect(name, y_true, logits), y_true, **parameters)
    rounding = 2e-6  # clipping at 1e-7 keeps the best value slightly above the smallest
    assert (best <= value(name, y_pred, y_true, **parameters) + rounding).all()
    least = {"poisson": best, "circle": best, "cosine_similarity": -torch.ones_like(best)}.get(
        name, torch.zeros_like(best)
    )
    torch.testing.assert_close(best, least, atol=rounding, rtol=0)


@pytest.mark.parametrize(("name", "parameters"), CASES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_extreme_inputs_never_give_nan_and_are_finite_where_the_dtype_permits(name, parameters, dtype):
    """Logits of 1e4, probabilities of 0 and 1, zero vectors and zero targets: infinite only by overflow."""
    logits = "from_logits" in parameters
    y_pred, y_true = draw(name, (20,), dtype, from_logits=logits)
    space = registry.loss(name).facts["prediction"]
    if space in ("real", "score", "direction", "embedding") or logits:
        extreme = torch.where(y_pred > 0, 1e4, -1e4).to(dtype)
    else:
        extreme = torch.zeros_like(y_pred)
        extreme[..., 0] = 1
    if space == "direction":
        extreme[:5] = 0
    if y_true.is_floating_point() and space in ("real", "positive", "direction"):
        y_true[5:10] = 0
    extreme.requires_grad_()
    values = value(name, extreme, y_true, **parameters)
    values.sum().backward()
    assert values.dtype == dtype
    assert not values.isnan().any()
    assert not extreme.grad.isnan().any()
    # exp(1e4), 100 / 1e-7 of a tiny type, 1e4 squared in float16, and the slope of p^q at 0
    beyond = name == "poisson" or "percentage" in name or "generalized" in name or dtype == torch.float16
    assert beyond or (values.isfinite().all() and extreme.grad.isfinite().all())


@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_parameter_is_named_in_the_error(name):
    for parameter in keyword_parameters(losses.function(name)):
        with pytest.raises(ConfigError, match=parameter.name):
            losses.get(name, **{parameter.name: "nonsense"})
    with pytest.raises(ConfigError, match="no_such_parameter"):
        losses.get(name, no_such_parameter=1)


@pytest.mark.parametrize("bad", [-1.0, 0.0, math.nan, math.inf, True, "1"])
def test_delta_must_be_a_positive_finite_number(bad):
    with pytest.raises(ConfigError, match="delta"):
        losses.Huber(delta=bad)


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_label_smoothing_must_lie_between_0_and_1(bad):
    for name in ("binary_crossentropy", "categorical_crossentropy"):
        with pytest.raises(ConfigError, match="label_smoothing"):
            losses.get(name, label_smoothing=bad)


BOUNDED_TARGETS = [
    name
    for name in LOSSES
    if registry.loss(name).facts["target"] in ("binary", "sign", "onehot", "distribution", "pair", "triplet")
]


@pytest.mark.parametrize("name", [*BOUNDED_TARGETS, "poisson"])
def test_targets_outside_their_bounds_are_an_error(name):
    y_pred, y_true = draw(name, (4,))
    y_true.flatten()[0] = -3.0
    with pytest.raises(ValueError, match=r"y_true holds -3.*The order is \(y_pred, y_true\)"):
        value(name, y_pred, y_true)


@pytest.mark.parametrize("name", [*BOUNDED_TARGETS, "poisson", "sparse_categorical_crossentropy"])
def test_swapped_arguments_are_an_error_where_domains_or_shapes_differ(name):
    logits = "from_logits" in {p.name for p in keyword_parameters(losses.function(name))}
    y_pred, y_true = draw(name, (40,), from_logits=logits)
    with pytest.raises(ValueError, match=r"order is|shape"):
        losses.get(name, **({"from_logits": True} if logits else {}))(y_true, y_pred)
    if registry.loss(name).facts["prediction"] == "probability":  # integers cannot be probabilities
        probabilities, labels = draw(name, (40,))
        with pytest.raises(ValueError, match="y_pred holds integers"):
            losses.get(name)(labels.long(), probabilities)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_fact_convex_is_true_of_a_loss(name):
    """A convex loss lies below the chord between any two predictions of its space."""
    first, y_true = draw(name, (2000,))
    second, _ = draw(name, (2000,), seed=1)
    chord = (value(name, first, y_true) + value(name, second, y_true)) / 2
    below = value(name, (first + second) / 2, y_true) <= chord * (1 + 1e-12) + 1e-12
    assert below.all() == registry.loss(name).facts["convex"]


@pytest.mark.parametrize("name", LOSSES)
def test_the_fact_bounded_is_true_of_a_loss(name):
    """Evaluate the worst predictions; a loss that is finite only because of clipping counts as unbounded."""
    about = registry.loss(name).facts
    y_pred, y_true = draw(name, (200,))
    if about["prediction"] in ("real", "score", "direction", "positive", "embedding"):
        far = y_pred * 1e150
    elif about["prediction"] == "unit":
        far = -y_pred[:1].expand_as(y_pred)  # all alike
    else:
        far = torch.full_like(y_pred, 0.0)
        far = (1 - y_true).double() if about["target"] == "binary" else far
    usual, worst = value(name, y_pred, y_true).abs().max(), value(name, far, y_true).abs().max()
    clipped = about["prediction"] in ("probability", "distribution") and worst > 2.5
    assert about["bounded"] == (not clipped and worst < 100 * usual)


@pytest.mark.parametrize("name", [name for name in LOSSES if registry.loss(name).facts["proper"]])
def test_the_expectation_of_a_proper_loss_is_smallest_at_the_true_probabilities(name):
    truth = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    if registry.loss(name).facts["prediction"] == "probability":
        outcomes, weights = torch.eye(2, dtype=torch.float64)[:, :1], truth[:2] / truth[:2].sum()
        truth = weights[:1]
    else:
        index = registry.loss(name).facts["target"] == "index"  # else distributions, one-hot ones here
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


def test_a_loss_of_logits_is_the_loss_of_the_activated_logits():
    for name in LOSSES:
        if "from_logits" not in {p.name for p in keyword_parameters(losses.function(name))}:
            continue
        z, y_true = draw(name, (50,), from_logits=True)
        space = registry.loss(name).facts["prediction"]
        squashed = {
            "probability": z.sigmoid(),
            "distribution": z.softmax(-1),
            "positive": z.exp(),
        }[space]
        got = value(name, z, y_true, from_logits=True)
        torch.testing.assert_close(got, value(name, squashed, y_true), rtol=1e-5, atol=1e-6)  # clips at 1e-7


@pytest.mark.parametrize("name", sorted(set(LOSSES) - set(ELEMENTWISE)))
def test_a_loss_that_couples_samples_is_not_the_mean_of_single_losses(name):
    y_pred, y_true = draw(name, (8,))
    y_true[:4] = 0  # samples of unequal size weigh unequally
    together = value(name, y_pred, y_true)
    alone = torch.stack([value(name, y_pred[i : i + 1], y_true[i : i + 1]) for i in range(8)])
    assert together.shape in ((), (8,))
    assert abs(together.mean() - alone.mean()) > 0.01
