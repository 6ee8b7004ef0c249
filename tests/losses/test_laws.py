"""What holds for every loss, whichever they are."""

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
def test_one_value_per_sample_each_by_itself(name, parameters, shape):
    y_pred, y_true = draw(name, shape, from_logits="from_logits" in parameters)
    values = value(name, y_pred, y_true, **parameters)
    assert values.shape == shape
    alone = torch.stack(
        [value(name, y_pred[i : i + 1], y_true[i : i + 1], **parameters) for i in range(shape[0])]
    )
    # torch's functions take the ends of an array one by one, and may then round the last bit otherwise
    torch.testing.assert_close(alone.squeeze(1), values, rtol=1e-15, atol=0)


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
        with pytest.raises(ValueError, match=r"shape.*\(4, "):
            value(name, y_pred, wrong)
    with pytest.raises(ValueError, match="shape"):
        value(name, y_pred, y_true.unsqueeze(0))


@pytest.mark.parametrize("name", LOSSES)
def test_integer_targets_and_lists_are_taken(name):
    y_pred, y_true = draw(name, (4,), torch.float32)
    if registry.about("loss", name)["target"] not in ("real", "vector", "positive"):
        expected = value(name, y_pred, y_true)
        torch.testing.assert_close(value(name, y_pred, y_true.long()), expected)
    got = losses.get(name)(y_pred.tolist(), y_true.tolist())
    torch.testing.assert_close(got, losses.get(name)(y_pred, y_true))


@pytest.mark.parametrize(("name", "parameters"), [c for c in CASES if "label_smoothing" not in c[1]])
def test_nothing_beats_the_target_itself(name, parameters):
    """The value is at its least where the prediction says what the target says."""
    logits = "from_logits" in parameters
    y_pred, y_true = draw(name, (20,), from_logits=logits)
    best = value(name, perfect(name, y_true, logits), y_true, **parameters)
    rounding = 2e-6  # of the clips at 1e-7, which hold the best a little above the least
    assert (best <= value(name, y_pred, y_true, **parameters) + rounding).all()
    least = {"poisson": best, "circle": best, "cosine_similarity": -torch.ones_like(best)}.get(
        name, torch.zeros_like(best)
    )
    torch.testing.assert_close(best, least, atol=rounding, rtol=0)


@pytest.mark.parametrize(("name", "parameters"), CASES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_never_nan_at_the_extremes_and_finite_where_that_can_be_written(name, parameters, dtype):
    """Logits of 1e4, probabilities of 0 and 1, zero vectors, zero targets: inf at most beyond the dtype."""
    logits = "from_logits" in parameters
    y_pred, y_true = draw(name, (20,), dtype, from_logits=logits)
    space = registry.about("loss", name)["prediction"]
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


BOUNDED_TARGETS = [
    name
    for name in LOSSES
    if registry.about("loss", name)["target"]
    in ("binary", "sign", "onehot", "distribution", "pair", "triplet")
]


@pytest.mark.parametrize("name", [*BOUNDED_TARGETS, "poisson"])
def test_targets_beyond_their_bounds_are_refused_as_swapped_arguments_are(name):
    y_pred, y_true = draw(name, (4,))
    y_true.flatten()[0] = -3.0
    with pytest.raises(ValueError, match=r"y_true holds -3.*The order is \(y_pred, y_true\)"):
        value(name, y_pred, y_true)


@pytest.mark.parametrize("name", [*BOUNDED_TARGETS, "poisson", "sparse_categorical_crossentropy"])
def test_swapped_arguments_are_errors_where_domains_or_shapes_tell_them_apart(name):
    logits = "from_logits" in {p.name for p in keyword_parameters(losses.function(name))}
    y_pred, y_true = draw(name, (40,), from_logits=logits)
    with pytest.raises(ValueError, match=r"order is|shape"):
        losses.get(name, **({"from_logits": True} if logits else {}))(y_true, y_pred)
    if registry.about("loss", name)["prediction"] == "probability":  # integers cannot be probabilities
        probabilities, labels = draw(name, (40,))
        with pytest.raises(ValueError, match="y_pred holds integers"):
            losses.get(name)(labels.long(), probabilities)


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


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_loss_called_convex_is(name):
    """Between two predictions of its space it lies below its chord."""
    first, y_true = draw(name, (2000,))
    second, _ = draw(name, (2000,), seed=1)
    chord = (value(name, first, y_true) + value(name, second, y_true)) / 2
    below = value(name, (first + second) / 2, y_true) <= chord * (1 + 1e-12) + 1e-12
    assert below.all() == registry.about("loss", name)["convex"]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_called_bounded_is(name):
    """As the prediction goes where it is worst; what a clip at 1e-7 ends is unbounded in itself."""
    about = registry.about("loss", name)
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


@pytest.mark.parametrize("name", [name for name in LOSSES if registry.about("loss", name)["proper"]])
def test_a_proper_loss_is_least_in_expectation_at_the_true_probabilities(name):
    truth = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    if registry.about("loss", name)["prediction"] == "probability":
        outcomes, weights = torch.eye(2, dtype=torch.float64)[:, :1], truth[:2] / truth[:2].sum()
        truth = weights[:1]
    else:
        index = registry.about("loss", name)["target"] == "index"  # else distributions, one-hot ones here
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


def test_focal_is_crossentropy_where_nothing_fades():
    for logits in (False, True):
        y_pred, y_true = draw("binary_crossentropy", (50,), from_logits=logits)
        plain = losses.binary_crossentropy(y_pred, y_true, from_logits=logits)
        faded = losses.binary_focal_crossentropy(y_pred, y_true, gamma=0.0, from_logits=logits)
        torch.testing.assert_close(faded, plain)
        half = losses.focal(y_pred, y_true, gamma=0.0, alpha=0.5, from_logits=logits)
        torch.testing.assert_close(half, plain / 2)
        y_pred, y_true = draw("categorical_crossentropy", (50,), from_logits=logits)
        torch.testing.assert_close(
            losses.categorical_focal_crossentropy(y_pred, y_true, gamma=0.0, alpha=1.0, from_logits=logits),
            losses.categorical_crossentropy(y_pred, y_true, from_logits=logits),
        )


def test_focal_keeps_its_gradient_where_a_prediction_is_wrong_and_certain():
    """Keras's, which clips a sigmoid, is 15.94 here, with a gradient of 0."""
    z = torch.tensor([[40.0]], requires_grad=True)
    loss = losses.binary_focal_crossentropy(z, torch.zeros(1, 1), from_logits=True)
    loss.sum().backward()
    assert loss.item() == pytest.approx(40.0)
    assert z.grad.item() == pytest.approx(1.0)


def test_logits_are_probabilities_before_their_squashing():
    for name in LOSSES:
        if "from_logits" not in {p.name for p in keyword_parameters(losses.function(name))}:
            continue
        z, y_true = draw(name, (50,), from_logits=True)
        space = registry.about("loss", name)["prediction"]
        squashed = {
            "probability": z.sigmoid(),
            "distribution": z.softmax(-1),
            "positive": z.exp(),
        }[space]
        got = value(name, z, y_true, from_logits=True)
        torch.testing.assert_close(got, value(name, squashed, y_true), rtol=1e-5, atol=1e-6)  # clips at 1e-7


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_hinge_reads_labels_of_0_and_1_as_signs_only_where_all_are(name):
    scores, signs = draw(name, (50,))
    torch.testing.assert_close(value(name, scores, (signs + 1) / 2), value(name, scores, signs))
    mixed = torch.tensor([[0.0], [-1.0], [1.0]])
    got = losses.hinge(torch.tensor([[-0.5], [0.8], [-0.3]]), mixed)
    torch.testing.assert_close(got, torch.tensor([1.0, 1.8, 1.3]))


def test_smoothed_labels_of_indices_are_those_of_one_hot_rows():
    for logits in (False, True):
        y_pred, labels = draw("sparse_categorical_crossentropy", (30,), from_logits=logits)
        onehot = torch.nn.functional.one_hot(labels, 4).double()
        options = {"label_smoothing": 0.1, "from_logits": logits}
        torch.testing.assert_close(
            losses.sparse_categorical_crossentropy(y_pred, labels, **options),
            losses.categorical_crossentropy(y_pred, onehot, **options),
        )


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e30])
def test_a_direction_feels_no_scale(scale):
    y_pred, y_true = draw("cosine_similarity", (20,), torch.float32)
    torch.testing.assert_close(
        losses.cosine_similarity(y_pred * scale, y_true), losses.cosine_similarity(y_pred, y_true)
    )


@pytest.mark.parametrize("name", sorted(set(LOSSES) - set(ELEMENTWISE)))
def test_a_loss_that_couples_samples_is_not_the_mean_of_theirs(name):
    y_pred, y_true = draw(name, (8,))
    y_true[:4] = 0  # samples of unequal size weigh unequally
    together = value(name, y_pred, y_true)
    alone = torch.stack([value(name, y_pred[i : i + 1], y_true[i : i + 1]) for i in range(8)])
    assert together.shape in ((), (8,))
    assert abs(together.mean() - alone.mean()) > 0.01


def test_tversky_of_equal_weights_is_dice():
    y_pred, y_true = draw("dice", (20,))
    torch.testing.assert_close(losses.tversky(y_pred, y_true), losses.dice(y_pred, y_true), rtol=1e-6, atol=0)


def test_two_empty_masks():
    """1 in Keras, which adds its 1e-7 below alone; 0 with the documents' smoothing on both sides."""
    empty = torch.zeros(2, 3)
    assert losses.dice(empty, empty) == 1
    assert losses.dice(empty, empty, smooth=1.0) == pytest.approx(0, abs=1e-6)


def test_log_cosh_keeps_every_digit_in_float32():
    """Keras's gives 0 for an error of 1e-4; here value and slope are within three roundings of the truth."""
    x = torch.logspace(-15, 6, 500).unsqueeze(1).requires_grad_()
    got = losses.log_cosh(x, torch.zeros_like(x))
    got.sum().backward()
    wide = x.detach().double().squeeze(1)
    exact = torch.where(wide < 30, (2 * (wide.clamp(max=30) / 2).sinh().square()).log1p(), wide - math.log(2))
    eps = torch.finfo(torch.float32).eps
    torch.testing.assert_close(got.detach().double(), exact, rtol=3 * eps, atol=0)
    torch.testing.assert_close(x.grad.double().squeeze(1), wide.tanh(), rtol=3 * eps, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("delta", [1e5, 1e8, 1e15, 1e30, 1e200])
def test_log_cosh_becomes_half_of_squared_error(delta, dtype):
    x = torch.tensor([[-1.0], [1e-3], [0.0], [7.0]], dtype=dtype)
    got = losses.log_cosh(x, torch.zeros_like(x), delta=delta)
    rtol = max(3 * torch.finfo(dtype).eps, 50 / delta**2 if delta < 1e30 else 0)  # e²/6δ² is the next term
    torch.testing.assert_close(got, x.squeeze(1).square() / 2, rtol=rtol, atol=0)


@pytest.mark.parametrize("delta", [1.0, 2.0])
def test_log_cosh_whose_gradient_is_by_hand_has_second_derivatives_and_maps(delta):
    generator = torch.Generator().manual_seed(0)
    y_pred, y_true = (torch.randn(3, 2, dtype=torch.float64, generator=generator) for _ in range(2))
    pair = (y_pred.requires_grad_(), y_true.requires_grad_())
    assert torch.autograd.gradgradcheck(lambda a, b: losses.log_cosh(a, b, delta=delta), pair)
    mapped = torch.func.vmap(lambda a, b: losses.log_cosh(a, b, delta=delta))(y_pred[None], y_true[None])
    torch.testing.assert_close(mapped[0], losses.log_cosh(y_pred, y_true, delta=delta))


def test_a_probability_that_is_nan_leaves_the_others_untouched():
    y_pred, y_true = torch.rand(50, 3), torch.rand(50, 3)
    without = losses.binary_crossentropy(y_pred, y_true)
    y_pred[7, 1] = torch.nan
    with_one = losses.binary_crossentropy(y_pred, y_true)
    assert with_one.isnan().nonzero().flatten().tolist() == [7]
    others = torch.arange(50) != 7
    assert torch.equal(with_one[others], without[others])


@pytest.mark.parametrize("name", ["binary_crossentropy", "binary_focal_crossentropy"])
def test_probabilities_are_judged_in_full_precision_where_autocast_is_on(name, monkeypatch):
    """On CUDA torch refuses to take the cross-entropy of probabilities under autocast."""
    seen = []
    function = torch.nn.functional.binary_cross_entropy

    def spy(*arguments, **keywords):
        seen.append(torch.is_autocast_enabled("cpu"))
        return function(*arguments, **keywords)

    monkeypatch.setattr(torch.nn.functional, "binary_cross_entropy", spy)
    y_pred, y_true = torch.tensor([[0.2], [torch.nan]]), torch.ones(2, 1)
    alone = getattr(losses, name)(y_pred, y_true)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = getattr(losses, name)(y_pred, y_true)
    assert seen == [False, False]
    torch.testing.assert_close(within, alone, equal_nan=True)
