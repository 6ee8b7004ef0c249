"""Losses of masks, beyond what holds for every loss."""

import pytest
import torch
from cases import draw

from lossbench import losses


def test_tversky_with_equal_weights_is_dice():
    y_pred, y_true = draw("dice", (20,))
    torch.testing.assert_close(losses.tversky(y_pred, y_true), losses.dice(y_pred, y_true), rtol=1e-6, atol=0)


def test_the_loss_of_two_empty_masks():
    """It is 1 as in Keras, which adds 1e-7 to the denominator only, and 0 with smoothing in both."""
    empty = torch.zeros(2, 3)
    assert losses.dice(empty, empty) == 1
    assert losses.dice(empty, empty, smooth=1.0) == pytest.approx(0, abs=1e-6)
