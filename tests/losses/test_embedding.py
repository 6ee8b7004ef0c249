"""Losses of pairs, triplets and labelled embeddings agree with loops over their definitions."""

import numpy as np
import pytest
import torch
from cases import draw

from lossbench import losses

MINING = ["all", "hard", "semihard"]


def by_definition(embeddings, labels, margin, mining):
    """Compute the loss of mined triplets in a loop over anchors and their triplets."""
    count = len(embeddings)
    values = np.zeros(count)
    d = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=-1)
    for i in range(count):
        positive = [j for j in range(count) if labels[j] == labels[i] and j != i]
        negative = [j for j in range(count) if labels[j] != labels[i]]
        if not positive or not negative:
            continue
        if mining == "all":
            pairs = [(d[i, p], d[i, n]) for p in positive for n in negative]
        elif mining == "hard":
            pairs = [(max(d[i, p] for p in positive), min(d[i, n] for n in negative))]
        else:
            farther = [[d[i, n] for n in negative if d[i, n] > d[i, p]] for p in positive]
            farthest = max(d[i, n] for n in negative)
            pairs = [(d[i, p], min(f) if f else farthest) for p, f in zip(positive, farther, strict=True)]
        values[i] = np.mean([max(0, near - far + margin) for near, far in pairs])
    return values


@pytest.mark.parametrize("mining", MINING)
def test_mined_triplets_agree_with_the_definition(mining):
    random = np.random.default_rng(0)
    for case in range(50):
        count, classes = random.integers(1, 40), 1 + case % 6
        embeddings, labels = random.normal(size=(count, 3)), random.integers(0, classes, count)
        expected = by_definition(embeddings, labels, 0.5, mining)
        got = losses.triplet(torch.tensor(embeddings), torch.tensor(labels), margin=0.5, mining=mining)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
        mean = losses.Triplet(margin=0.5, mining=mining)(embeddings, labels)
        counted = [i for i in range(count) if 1 < (labels == labels[i]).sum() < count]
        np.testing.assert_allclose(mean, expected[counted].mean() if counted else 0.0, rtol=1e-10)


@pytest.mark.parametrize("mining", MINING)
def test_mined_triplets_of_large_batches_are_accurate_in_float32(mining):
    """Beyond 25 rows torch computes distances by a matrix product by default, which is less accurate."""
    y_pred, labels = draw("triplet", (60,), torch.float64)
    y_pred = 100 + y_pred / 100
    exact = by_definition(y_pred.float().double().numpy(), labels.numpy(), 0.01, mining)
    got = losses.triplet(y_pred.float(), labels, margin=0.01, mining=mining)
    np.testing.assert_allclose(got, exact, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("parameters", [{}, {"p": 1.5}, {"swap": True}, {"margin": 0.2}, {"p": 1.0}])
@pytest.mark.parametrize("shape", [(20,), (5, 4), (2, 3, 4)])
def test_given_triplets_agree_with_torch(parameters, shape):
    y_pred, _ = draw("triplet_margin", shape)
    ours, theirs = y_pred.clone().requires_grad_(), y_pred.clone().requires_grad_()
    got = losses.triplet_margin(ours, torch.ones(shape), **parameters)
    options = {"margin": 1.0, "reduction": "none", **parameters}
    expected = torch.nn.functional.triplet_margin_loss(*theirs.unbind(-2), **options)
    got.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-14)


def test_a_target_of_0_exchanges_the_last_two_items_of_a_triplet():
    y_pred, y_true = draw("triplet_margin", (20,))
    turned = losses.triplet_margin(y_pred[:, [0, 2, 1]], 1 - y_true)
    torch.testing.assert_close(turned, losses.triplet_margin(y_pred, y_true))


def test_contrastive_agrees_with_its_formula_for_pairs_and_for_distances():
    y_pred, y_true = draw("contrastive", (50,))
    d = np.linalg.norm(y_pred[:, 0] - y_pred[:, 1], axis=-1)
    y = y_true.numpy()
    for margin in (1.0, 4.0):
        expected = y * d**2 + (1 - y) * np.maximum(margin - d, 0) ** 2
        for pairs in (y_pred, torch.tensor(d)):
            for targets in (y_true, y_true[:, None]):
                shaped = pairs if pairs.ndim == 3 else pairs.reshape(targets.shape)
                got = losses.get("contrastive", margin=margin, reduction="none")(shaped, targets)
                np.testing.assert_allclose(got.flatten(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["contrastive", "triplet_margin", "triplet", "circle"])
def test_equal_embeddings_and_samples_without_a_positive_have_finite_gradients(name):
    y_pred, y_true = draw(name, (6,))
    y_pred = torch.zeros_like(y_pred) if name != "circle" else y_pred[:1].repeat(6, 1)
    if name in ("triplet", "circle"):
        y_true = torch.tensor([0, 0, 0, 1, 1, 2])  # the last sample has no positive
    y_pred.requires_grad_()
    losses.function(name)(y_pred, y_true).sum().backward()
    assert y_pred.grad.isfinite().all()


def test_errors_of_shape_name_the_loss_that_fits():
    with pytest.raises(ValueError, match="are for triplet_margin"):
        losses.triplet(torch.zeros(4, 3, 2), torch.ones(4))
    with pytest.raises(ValueError, match="with labels use triplet"):
        losses.triplet_margin(torch.zeros(4, 2), torch.ones(4))
