"""The losses of the founding documents as written there, with torch functions in place of TensorFlow's.

They are examples of losses that a user may write. The presets `custom_function`, `parametrised_function`,
`custom_class`, `focal_document_1` and `focal_document_2` train them. Each returns one scalar per batch.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lossbench.losses.base import Loss
from lossbench.losses.binary import binary_crossentropy


def custom_mse(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Compute the squared error (document 1: a loss as a function).

    >>> custom_mse(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0]))
    tensor(0.5000)
    """
    return torch.mean(torch.square(y_true - y_pred))


def weighted_mse(weight: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a loss that multiplies the squared error by a weight (document 1: a parametrised function).

    >>> weighted_mse(2.0)(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0]))
    tensor(1.)
    """

    def loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return torch.mean(weight * torch.square(y_true - y_pred))

    return loss


class CustomLoss(Loss):
    """Squared error (document 1: a loss as a class).

    >>> CustomLoss()(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0]))
    tensor(0.5000)
    """

    def __init__(self, name: str = "custom_loss", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the squared error of the batch."""
        return torch.mean(torch.square(y_true - y_pred))

    def get_config(self) -> dict[str, Any]:
        """Return the configuration of the base class."""
        return super().get_config()


class FocalLoss(Loss):
    """Focal loss (document 1): the mean of focal weights times a cross-entropy that is already a mean.

    >>> p = torch.tensor([0.1, 0.9, 0.2, 0.8])
    >>> round(float(FocalLoss()(p, torch.tensor([0.0, 1.0, 0.0, 1.0]))), 8)
    0.00205315
    """

    def __init__(self, gamma: float = 2.0, alpha: float = 0.25, name: str = "focal_loss") -> None:
        super().__init__(name=name)
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of the batch, a scalar."""
        y_pred = torch.clamp(y_pred, 1e-7, 1 - 1e-7)
        pt = torch.where(torch.eq(y_true, 1), y_pred, 1 - y_pred)
        alpha_t = torch.where(torch.eq(y_true, 1), self.alpha, 1 - self.alpha)
        focal_weight = alpha_t * torch.pow(1 - pt, self.gamma)
        bce = binary_crossentropy(y_pred, y_true)
        return torch.mean(focal_weight * bce)


class DiceLoss(Loss):
    """Dice loss (document 1), smoothed in numerator and denominator: ``dice`` with ``smooth=1e-6``.

    >>> DiceLoss()(torch.tensor([0.5, 1.0]), torch.tensor([0.0, 1.0]))
    tensor(0.2000)
    """

    def __init__(self, smooth: float = 1e-6, name: str = "dice_loss") -> None:
        super().__init__(name=name)
        self.smooth = smooth

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of the batch, a scalar."""
        intersection = torch.sum(y_true * y_pred)
        union = torch.sum(y_true) + torch.sum(y_pred)
        dice = (2.0 * intersection + self.smooth) / (union + self.smooth)
        return 1.0 - dice


class FocalLossSum(Loss):
    """Focal loss (document 2, class form), a sum; the missing ``super().__init__()`` is added.

    >>> p = torch.tensor([0.1, 0.9, 0.2, 0.8])
    >>> round(float(FocalLossSum()(p, torch.tensor([0.0, 1.0, 0.0, 1.0]))), 7)
    0.0099793
    """

    def __init__(self, gamma: float = 2.0, alpha: float = 0.25) -> None:
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of the batch, a scalar."""
        pt_1 = torch.where(torch.eq(y_true, 1), y_pred, torch.ones_like(y_pred))
        pt_0 = torch.where(torch.eq(y_true, 0), y_pred, torch.zeros_like(y_pred))
        return -torch.sum(
            self.alpha * torch.pow(1.0 - pt_1, self.gamma) * torch.log(1e-07 + pt_1)
        ) - torch.sum((1 - self.alpha) * torch.pow(pt_0, self.gamma) * torch.log(1.0 - pt_0 + 1e-07))


def focal_loss(gamma: float = 2.0, alpha: float = 0.25) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a focal loss that sums over the batch (document 2, function form).

    >>> p = torch.tensor([0.1, 0.9, 0.2, 0.8])
    >>> round(float(focal_loss()(torch.tensor([0.0, 1.0, 0.0, 1.0]), p)), 7)
    0.0099793
    """

    def focal_loss_fixed(y_true: Tensor, y_pred: Tensor) -> Tensor:
        pt_1 = torch.where(torch.eq(y_true, 1), y_pred, torch.ones_like(y_pred))
        pt_0 = torch.where(torch.eq(y_true, 0), y_pred, torch.zeros_like(y_pred))
        return -torch.sum(alpha * torch.pow(1.0 - pt_1, gamma) * torch.log(1e-07 + pt_1)) - torch.sum(
            (1 - alpha) * torch.pow(pt_0, gamma) * torch.log(1.0 - pt_0 + 1e-07)
        )

    return focal_loss_fixed
