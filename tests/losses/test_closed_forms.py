"""Every loss agrees with its formula in NumPy, and with the function of torch where there is one."""

import numpy as np
import pytest
import torch
from cases import draw, variants
from scipy.special import expit, log_softmax
from torch.nn import functional

from lossbench import losses

EPSILON = 1e-7


def clipped(p):
    return np.clip(p, EPSILON, 1 - EPSILON)


def normalised(p):
    return clipped(p / p.sum(-1, keepdims=True))


def log_classes(p, from_logits):
    return log_softmax(p, -1) if from_logits else np.log(normalised(p))


def crossentropy(p, y, from_logits):
    if from_logits:
        return np.logaddexp(0, p) - y * p
    return -(y * np.log(clipped(p)) + (1 - y) * np.log(1 - clipped(p)))


def smooth(y, label_smoothing, classes):
    return y * (1 - label_smoothing) + label_smoothing / classes


def binary_crossentropy(p, y, from_logits=False, label_smoothing=0.0):
    return crossentropy(p, smooth(y, label_smoothing, 2), from_logits).mean(-1)


def binary_focal_crossentropy(
    p, y, gamma=2.0, alpha=0.25, apply_class_balancing=False, from_logits=False, label_smoothing=0.0
):
    y = smooth(y, label_smoothing, 2)
    values = crossentropy(p, y, from_logits)
    probability = expit(p) if from_logits else p
    values *= (1 - (y * probability + (1 - y) * (1 - probability))) ** gamma
    if apply_class_balancing:
        values *= y * alpha + (1 - y) * (1 - alpha)
    return values.mean(-1)


def focal(p, y, **parameters):
    return binary_focal_crossentropy(p, y, apply_class_balancing=True, **parameters)


def categorical_crossentropy(p, y, from_logits=False, label_smoothing=0.0):
    return -(smooth(y, label_smoothing, y.shape[-1]) * log_classes(p, from_logits)).sum(-1)


def sparse_categorical_crossentropy(p, y, ignore_class=None, **parameters):
    values = categorical_crossentropy(p, np.eye(p.shape[-1])[y], **parameters)
    return values if ignore_class is None else np.where(y == ignore_class, 0, values)


def categorical_focal_crossentropy(p, y, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0):
    log_p = log_classes(p, from_logits)
    weight = alpha * (1 - np.exp(log_p)) ** gamma
    return -(weight * smooth(y, label_smoothing, y.shape[-1]) * log_p).sum(-1)


def categorical_generalized_cross_entropy(p, y, q=0.5, from_logits=False):
    p = np.exp(log_softmax(p, -1)) if from_logits else p
    return (1 - np.take_along_axis(p, y[..., None], -1)[..., 0] ** q) / q


def huber(p, y, delta=1.0):
    e = np.abs(p - y)
    return np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2).mean(-1)


def log_cosh(p, y, delta=1.0):
    return delta**2 * np.log(np.cosh((p - y) / delta)).mean(-1)


def mean_squared_logarithmic_error(p, y):
    return ((np.log(np.maximum(p, EPSILON) + 1) - np.log(np.maximum(y, EPSILON) + 1)) ** 2).mean(-1)


def categorical_hinge(p, y):
    return np.maximum(0, ((1 - y) * p).max(-1) - (y * p).sum(-1) + 1)


def kl_divergence(p, y, from_logits=False):
    y = np.clip(y, EPSILON, 1)
    return (y * (np.log(y) - (log_softmax(p, -1) if from_logits else np.log(np.clip(p, EPSILON, 1))))).sum(-1)


def poisson(p, y, from_logits=False):
    return (np.exp(p) - y * p if from_logits else p - y * np.log(p + EPSILON)).mean(-1)


def cosine_similarity(p, y):
    return -(p * y).sum(-1) / np.linalg.norm(p, axis=-1) / np.linalg.norm(y, axis=-1)


def dice(p, y, smooth=0.0, from_logits=False):
    p = expit(p) if from_logits else p
    return 1 - (2 * (y * p).sum() + smooth) / (y.sum() + p.sum() + smooth + EPSILON)


def tversky(p, y, alpha=0.5, beta=0.5, from_logits=False):
    p = expit(p) if from_logits else p
    both = (y * p).sum()
    return 1 - both / (both + alpha * ((1 - y) * p).sum() + beta * (y * (1 - p)).sum() + EPSILON)


def circle(e, y, gamma=80.0, margin=0.4, remove_diagonal=True):
    s = e @ e.T
    positive = (y[:, None] == y) & ~(np.eye(len(y), dtype=bool) & remove_diagonal)
    pull = -gamma * np.maximum(1 + margin - s, 0) * (s - (1 - margin))  # written as in the paper
    push = gamma * np.maximum(s + margin, 0) * (s - margin)
    pulls = np.where(positive, np.exp(pull), 0).sum(1)
    pushes = np.where(y[:, None] != y, np.exp(push), 0).sum(1)
    return np.log1p(pulls * pushes)


CLOSED_FORMS = {
    **{name: function for name, function in list(globals().items()) if name in losses.names()},
    "mean_squared_error": lambda p, y: ((p - y) ** 2).mean(-1),
    "mean_absolute_error": lambda p, y: np.abs(p - y).mean(-1),
    "mean_absolute_percentage_error": lambda p, y: (100 * np.abs(p - y) / np.abs(y)).mean(-1),
    "hinge": lambda p, y: np.maximum(1 - y * p, 0).mean(-1),
    "squared_hinge": lambda p, y: (np.maximum(1 - y * p, 0) ** 2).mean(-1),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("seed", range(20))
def test_a_loss_agrees_with_its_closed_form(name, seed):
    for parameters in variants(name):
        y_pred, y_true = draw(name, (15,), torch.float64, seed, "from_logits" in parameters)
        got = losses.function(name)(y_pred, y_true, **parameters)
        expected = CLOSED_FORMS[name](y_pred.numpy(), y_true.numpy(), **parameters)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


def logistic(p, y):
    return functional.binary_cross_entropy_with_logits(p, y, reduction="none").mean(-1)


IN_TORCH = [
    ("mean_squared_error", {}, lambda p, y: functional.mse_loss(p, y, reduction="none").mean(-1)),
    ("mean_absolute_error", {}, lambda p, y: functional.l1_loss(p, y, reduction="none").mean(-1)),
    ("huber", {"delta": 0.7}, lambda p, y: functional.huber_loss(p, y, reduction="none", delta=0.7).mean(-1)),
    ("binary_crossentropy", {"from_logits": True}, logistic),
    (
        "binary_crossentropy",
        {},
        lambda p, y: functional.binary_cross_entropy(p, y, reduction="none").mean(-1),
    ),
    (
        "categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        lambda p, y: functional.cross_entropy(p, y, reduction="none", label_smoothing=0.2),
    ),
    (
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        lambda p, y: functional.cross_entropy(p, y, reduction="none", label_smoothing=0.2),
    ),
    (
        "poisson",
        {"from_logits": True},
        lambda p, y: functional.poisson_nll_loss(p, y, reduction="none").mean(-1),
    ),
    (
        "kl_divergence",
        {"from_logits": True},
        lambda p, y: functional.kl_div(p.log_softmax(-1), y, reduction="none").sum(-1),
    ),
    ("cosine_similarity", {}, lambda p, y: -functional.cosine_similarity(p, y, dim=-1)),
]


@pytest.mark.parametrize(("name", "parameters", "theirs"), IN_TORCH)
@pytest.mark.parametrize("seed", range(10))
def test_value_and_gradient_agree_with_torch(name, parameters, theirs, seed):
    y_pred, y_true = draw(name, (20,), torch.float64, seed, "from_logits" in parameters)
    if name == "kl_divergence":  # avoid targets of 0, which we clip to 1e-7
        y_true = torch.as_tensor(np.random.default_rng(seed).dirichlet([2.0] * y_pred.shape[-1], 20))
    results = []
    for function in (lambda p, y: losses.function(name)(p, y, **parameters), theirs):
        p = y_pred.clone().requires_grad_()
        values = function(p, y_true)
        values.sum().backward()
        results.append((values.detach(), p.grad))
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)


def test_a_target_probability_of_0_contributes_nothing():
    y = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    got = losses.kl_divergence(torch.tensor([[0.5, 0.5]], dtype=torch.float64), y)
    assert got.item() == pytest.approx(np.log(2), abs=3e-6)  # 1e-7 log(1e-7 / 0.5), due to clipping
