"""Value and gradient agree with the installed Keras, for every reduction and every kind of weight."""

import functools
import inspect
import itertools

import numpy as np
import pytest
import torch
from cases import ELEMENTWISE, LOSSES, draw, variants

from lossbench import losses

keras = pytest.importorskip("keras")
# By default Keras computes means of float64 in float32
keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE.pop("float64", None)

CLASSES = {known.lower() for known in dir(keras.losses)}
OVERLAP = ["dice", "tversky"]  # they return a scalar and are compared separately
IN_KERAS = [name for name in LOSSES if name.replace("_", "") in CLASSES and name not in OVERLAP]
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"]
SHAPES = [(7,), (1,), (30,), (4, 5), (5, 5), (2, 1)]
COUPLED_SHAPES = [(30,), (31,), (40,)]  # large enough for 4 classes that each sample has a positive
# Keras casts its constants (1e-7, the smoothing) to float32 even in float64
TOLERANCE = {torch.float32: {"rtol": 2e-5, "atol": 2e-5}, torch.float64: {"rtol": 1e-7, "atol": 1e-7}}


def keras_class(name, **options):
    by_squeezed_name = {known.lower(): known for known in dir(keras.losses) if known[0].isupper()}
    return getattr(keras.losses, by_squeezed_name[name.replace("_", "")])(**options)


def weights(shape, random):
    yield None
    yield random.uniform(0, 2, shape[0])[(...,) + (None,) * (len(shape) - 1)]
    yield random.uniform(0, 2, shape)
    if len(shape) == 1:
        yield random.uniform(0, 2, (*shape, 1))


def value_and_gradient(loss, y_pred, *arguments):
    y_pred = y_pred.clone().requires_grad_()
    value = loss(y_pred, *arguments)
    value.sum().backward()
    return value.detach(), y_pred.grad


def cases(name):
    """Yield reduction, parameters that both libraries have, seed, shape and weights."""
    known = inspect.signature(type(keras_class(name))).parameters
    both_have = [parameters for parameters in variants(name) if set(parameters) <= set(known)]
    both_have = [{"q": 0.5}, {"q": 0.75}] if name.startswith("categorical_generalized") else both_have
    shapes = COUPLED_SHAPES if name not in ELEMENTWISE else SHAPES
    seeds = itertools.count()
    for reduction, parameters, shape in itertools.product(REDUCTIONS, both_have, shapes):
        for weight in weights(shape, np.random.default_rng(next(seeds))):
            broadcast = weight is not None and weight.shape != shape
            if broadcast and reduction == "mean_with_sample_weight":
                continue  # a deliberate deviation: Keras sums the weights before broadcasting
            if broadcast and ("ignore_class" in parameters or name == "circle"):
                continue  # Keras on torch multiplies the mask into the weights in place, which fails
            yield reduction, parameters, next(seeds), shape, weight


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", IN_KERAS)
def test_agrees_with_keras(name, dtype):
    every = list(cases(name))
    assert len(every) >= 75  # in each precision
    for reduction, parameters, seed, shape, weight in every:
        y_pred, y_true = draw(name, shape, dtype, seed, "from_logits" in parameters)
        ours = losses.get(name, reduction=reduction, **parameters)
        precision = str(dtype).removeprefix("torch.")
        theirs = keras_class(name, reduction=reduction, dtype=precision, **parameters)
        w = None if weight is None else torch.as_tensor(weight, dtype=dtype)
        got = value_and_gradient(ours, y_pred, y_true, w)
        expected = value_and_gradient(lambda p, t, w, f=theirs: f(t, p, w), y_pred, y_true, w)
        torch.testing.assert_close(got, expected, **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(set(IN_KERAS) & set(ELEMENTWISE)))
def test_functions_agree_with_keras_on_tensors_of_rank_1_to_3(name, dtype):
    theirs = getattr(keras.losses, name)
    options = {"q": 0.5} if name.startswith("categorical_generalized") else {}
    for seed, shape in enumerate([(), (6,), (2, 3)] * 5):
        y_pred, y_true = draw(name, shape, dtype, seed)
        y_true = y_true.reshape(1) if y_true.ndim == 0 else y_true  # Keras requires an axis of labels
        y_pred = y_pred[None] if y_true.shape == (1,) and y_pred.ndim == 1 else y_pred
        got = value_and_gradient(lambda p, t: losses.function(name)(p, t, **options), y_pred, y_true)
        expected = value_and_gradient(lambda p, t: theirs(t, p, **options), y_pred, y_true)
        torch.testing.assert_close(got, expected, **TOLERANCE[dtype])


def test_mean_with_broadcast_weights_divides_by_their_broadcast_sum():
    """Keras gives 4.0 here, because it counts two weights for eight values."""
    values = losses.get("mae", reduction="mean_with_sample_weight")(
        torch.ones(3, 4, 1), torch.zeros(3, 4, 1), torch.tensor([[1.0], [1.0], [0.0]])
    )
    assert values == 1.0


def test_label_smoothing_counts_the_classes_of_its_axis():
    """Keras 3.15 counts along the last axis, even if the classes lie along another."""
    y_pred, y_true = draw("categorical_crossentropy", (5, 3))
    straight = losses.categorical_crossentropy(y_pred, y_true, label_smoothing=0.1)
    turned = losses.categorical_crossentropy(
        y_pred.movedim(-1, 1), y_true.movedim(-1, 1), label_smoothing=0.1, axis=1
    )
    torch.testing.assert_close(turned, straight)


@pytest.mark.parametrize("axis", [0, 1, -2])
@pytest.mark.parametrize(
    "name", ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]
)
def test_axis_has_the_meaning_of_keras(name, axis):
    y_pred, y_true = draw(name, (6, 5))
    y_pred = y_pred.movedim(-1, axis)
    y_true = y_true if name.startswith("sparse") else y_true.movedim(-1, axis)
    expected = getattr(keras.losses, name)(y_true, y_pred, axis=axis)
    torch.testing.assert_close(losses.function(name)(y_pred, y_true, axis=axis), expected)


@pytest.mark.parametrize("axis", [None, 0, 1, [0, 1], -1])
@pytest.mark.parametrize("shape", [(6,), (4, 5)])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_overlap_agrees_with_keras(dtype, seed, shape, axis):
    y_pred, y_true = draw("dice", shape, dtype, seed)
    for ours, theirs in (
        (losses.dice, keras.losses.dice),
        (losses.tversky, keras.losses.tversky),
        # a deliberate deviation: Keras has the two weights exchanged
        (
            functools.partial(losses.tversky, alpha=0.2, beta=0.9),
            functools.partial(keras.losses.tversky, alpha=0.9, beta=0.2),
        ),
    ):
        got = value_and_gradient(lambda p, t, f=ours: f(p, t, axis=axis), y_pred, y_true)
        expected = value_and_gradient(lambda p, t, f=theirs: f(t, p, axis=axis), y_pred, y_true)
        torch.testing.assert_close(got, expected, **TOLERANCE[dtype])


def test_the_cosine_of_short_vectors_is_that_of_keras():
    y_pred, y_true = draw("cosine_similarity", (20,), torch.float64)
    for scale in (1e-3, 1e-7, 1e-8):
        got = losses.cosine_similarity(y_pred * scale, y_true)
        expected = keras.losses.cosine_similarity(y_true, y_pred * scale)
        torch.testing.assert_close(got, expected, **TOLERANCE[torch.float64])


def test_circle_ignores_samples_without_a_positive_as_keras_does():
    """Only values are compared: the gradients of Keras are all NaN if a sample has no positive."""
    y_pred, y_true = draw("circle", (12,), torch.float32)
    y_true[0] = 99
    for reduction in REDUCTIONS:
        got = losses.Circle(reduction=reduction)(y_pred, y_true)
        expected = keras.losses.Circle(reduction=reduction)(y_true, y_pred)
        torch.testing.assert_close(got, expected, **TOLERANCE[torch.float32])
