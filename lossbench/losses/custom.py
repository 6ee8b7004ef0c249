"""The user's own loss, named in a config as ``module:name``."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from lossbench import trust
from lossbench.errors import UserError, did_you_mean
from lossbench.losses.base import FunctionLoss
from lossbench.losses.reduction import counted, counting


def custom(
    *, function: str, arguments: list[Any] | dict[str, Any] | None = None
) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss of your own: a function of y_true and y_pred, a subclass of Loss, or what makes one.

    Args:
        function: ``my_package.my_module:my_loss``, importable from the folder the command is typed in.
        arguments: what to call it with, where it makes the loss (``weighted_mse(2.0)``: ``[2.0]``).

    Returns:
        Predictions and targets of one replicate to values: one per sample, or one scalar.

    Raises:
        UserError: it is not trusted, not there, or not a loss.
    """
    from lossbench import losses

    made = _load(function)
    try:
        if isinstance(arguments, dict):
            made = made(**arguments)
        elif arguments is not None:
            made = made(*arguments)
        loss = losses.get(made)
    except TypeError as error:
        raise UserError(f"loss.function={function}, loss.arguments={arguments}: {error}") from error

    def values(y_pred: Tensor, y_true: Tensor) -> Tensor:
        return loss.values(y_pred, y_true)[0]

    if isinstance(loss, FunctionLoss):  # of which not every value may count
        known, own = type(loss).function, loss.parameters_of_function
        return counting(lambda labels, _: counted(known, labels, labels, own))(values)
    return values


def _load(reference: str) -> Any:
    module_name, colon, name = reference.partition(":")
    if not colon or not name:
        raise UserError(f"loss.function={reference}: write it as my_package.my_module:my_loss")
    trust.require(reference)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise UserError(
            f"loss.function={reference}: {module_name} cannot be imported from {here}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        meant = did_you_mean(name, public, f"{module_name}:")
        raise UserError(f"loss.function={reference}: {module_name} has no '{name}'. {meant}".rstrip())
    found = getattr(module, name)
    if not trust.is_granted(reference) and not str(getattr(found, "__module__", "")).startswith("lossbench."):
        raise UserError(
            f"loss.function={reference}: {name} is not lossbench's own, so name where it comes from"
        )
    return found
