"""Checks of shapes, dtypes and ranges that the loss functions share. No tensor is broadcast."""

import torch
from torch import Tensor


def paired(y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
    """Return both tensors in the floating dtype of the predictions and in the same shape.

    As in Keras, one difference in shape is accepted: if the ranks differ by one and the last axis of the
    longer shape has length 1, that axis is added to a vector or dropped from the other tensor.

    Raises:
        ValueError: the shapes differ, or a tensor has no axis. The message shows both shapes.

    >>> [tuple(tensor.shape) for tensor in paired(torch.zeros(3, 1), torch.zeros(3))]
    [(3, 1), (3, 1)]
    """
    y_pred = floating(y_pred)
    pred, true = y_pred, y_true.to(y_pred.dtype)
    if pred.ndim == true.ndim + 1 and pred.shape[-1] == 1:
        pred, true = (pred, true.unsqueeze(-1)) if true.ndim == 1 else (pred.squeeze(-1), true)
    elif true.ndim == pred.ndim + 1 and true.shape[-1] == 1:
        pred, true = (pred.unsqueeze(-1), true) if pred.ndim == 1 else (pred, true.squeeze(-1))
    if pred.shape != true.shape or pred.ndim == 0:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: they must be "
            "equal, with at least one axis; nothing is broadcast"
        )
    return pred, true


def paired_with_targets(
    y_pred: Tensor, y_true: Tensor, *, least: float = 0, most: float = 1
) -> tuple[Tensor, Tensor]:
    """Pair the tensors as :func:`paired` does, and check that the targets lie between bounds.

    The check also detects most calls whose two arguments are swapped.

    Raises:
        ValueError: the shapes differ, a target lies outside the bounds, or the targets are floats while
            the predictions are integers.

    >>> paired_with_targets(torch.tensor([0, 1]), torch.tensor([0.2, 0.7]))
    Traceback (most recent call last):
        ...
    ValueError: y_pred holds integers and y_true floats: swapped? The order is (y_pred, y_true)
    """
    order = "swapped? The order is (y_pred, y_true)"
    # Scores in [-1, 1] may be integers, while integer probabilities are almost certainly labels
    if least == 0 and y_true.is_floating_point() and not y_pred.is_floating_point():
        raise ValueError(f"y_pred holds integers and y_true floats: {order}")
    y_pred, y_true = paired(y_pred, y_true)
    low, high = y_true.detach().aminmax() if y_true.numel() else (y_true.new_tensor(least),) * 2
    if low < least or high > most:
        wrong = float(low if low < least else high)
        raise ValueError(
            f"y_true holds {wrong:.4g}, but the targets of this loss lie from {least} to {most}; {order}"
        )
    return y_pred, y_true


def floating(tensor: Tensor) -> Tensor:
    """Return a float tensor as it is, and any other tensor in the default float dtype of torch.

    >>> floating(torch.tensor([1, 2]))
    tensor([1., 2.])
    """
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def class_count(y_pred: Tensor, axis: int) -> int:
    """Return the number of classes along ``axis``.

    Raises:
        ValueError: there are fewer than two classes. The softmax of a single one is always 1.

    >>> class_count(torch.zeros(5, 3), -1)
    3
    """
    classes = y_pred.shape[axis]
    if classes < 2:
        raise ValueError(
            f"y_pred of shape {tuple(y_pred.shape)} has {classes} class along axis {axis}: a "
            "categorical loss needs at least 2; for one unit use binary_crossentropy"
        )
    return classes


def labels_for(y_pred: Tensor, y_true: Tensor, axis: int = -1) -> Tensor:
    """Return the labels, one for each distribution along ``axis`` of ``y_pred``; a last axis of 1 is dropped.

    Raises:
        ValueError: the shapes do not match.

    >>> labels_for(torch.zeros(3, 4), torch.tensor([[0], [3], [2]]))
    tensor([0, 3, 2])
    """
    labels = y_true.squeeze(-1) if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true
    wanted = y_pred.movedim(axis, -1).shape[:-1]
    if labels.shape != wanted:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: y_true must "
            f"hold one class index for each of {tuple(wanted)}; for one-hot targets use "
            "categorical_crossentropy"
        )
    return labels


def class_indices(labels: Tensor, classes: int) -> Tensor:
    """Convert labels to ``int64``, and check that each is an index of a class.

    Raises:
        ValueError: a label is a fraction, negative, or not below the number of classes.

    >>> class_indices(torch.tensor([0.0, 2.0]), 3)
    tensor([0, 2])
    """
    indices = labels.to(torch.int64)
    low, high = (int(bound) for bound in indices.aminmax()) if indices.numel() else (0, 0)
    if low < 0 or high >= classes or (labels.is_floating_point() and bool((indices != labels).any())):
        raise ValueError(
            f"y_true holds labels from {low} to {high}: they must be whole numbers from 0 to "
            f"{classes - 1} for the {classes} classes of y_pred; to leave a class out, set ignore_class"
        )
    return indices
