"""Losses of several classes, beyond what holds for every loss."""

import pytest
import torch
from cases import draw

from lossbench import losses


def test_labels_must_be_indices_of_classes():
    y_pred = torch.full((3, 4), 0.25)
    for labels in ([0, 1, 4], [0, 1, -100], [0.0, 0.5, 1.0]):
        with pytest.raises(ValueError, match="whole numbers from 0 to 3"):
            losses.sparse_categorical_crossentropy(y_pred, torch.tensor(labels))


@pytest.mark.parametrize("name", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_a_single_unit_is_not_enough_for_a_categorical_loss(name):
    with pytest.raises(ValueError, match="at least 2"):
        losses.function(name)(torch.ones(3, 1), torch.zeros(3, 1))


def test_the_sparse_crossentropy_of_indices_is_that_of_one_hot_rows():
    for from_logits in (False, True):
        y_pred, labels = draw("sparse_categorical_crossentropy", (30,), from_logits=from_logits)
        onehot = torch.nn.functional.one_hot(labels, 4).double()
        torch.testing.assert_close(
            losses.sparse_categorical_crossentropy(y_pred, labels, from_logits=from_logits),
            losses.categorical_crossentropy(y_pred, onehot, from_logits=from_logits),
            rtol=1e-12,
            atol=0,
        )


def test_label_smoothing_of_indices_is_that_of_one_hot_rows():
    for logits in (False, True):
        y_pred, labels = draw("sparse_categorical_crossentropy", (30,), from_logits=logits)
        onehot = torch.nn.functional.one_hot(labels, 4).double()
        options = {"label_smoothing": 0.1, "from_logits": logits}
        torch.testing.assert_close(
            losses.sparse_categorical_crossentropy(y_pred, labels, **options),
            losses.categorical_crossentropy(y_pred, onehot, **options),
        )
