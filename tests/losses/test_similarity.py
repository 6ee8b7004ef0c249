"""Losses of directions, beyond what holds for every loss."""

import pytest
import torch
from cases import draw

from lossbench import losses


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e30])
def test_cosine_similarity_does_not_depend_on_length(scale):
    y_pred, y_true = draw("cosine_similarity", (20,), torch.float32)
    torch.testing.assert_close(
        losses.cosine_similarity(y_pred * scale, y_true), losses.cosine_similarity(y_pred, y_true)
    )
