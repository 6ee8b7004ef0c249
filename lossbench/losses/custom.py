"""A loss that the user has written, which a config names as ``module:name``."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from lossbench import trust
from lossbench.errors import ConfigError, Issue, UserError, did_you_mean
from lossbench.losses.base import FunctionLoss
from lossbench.losses.lookup import get
from lossbench.losses.reduction import counted, counting


def custom(
    *, function: str, arguments: list[Any] | dict[str, Any] | None = None
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return your own loss: a function of y_true and y_pred, a subclass of Loss, or what a factory returns.

    Args:
        function: ``my_package.my_module:my_loss``, importable from the working directory.
        arguments: the arguments of a factory or a class, by position or by name. For ``weighted_mse(2.0)``
            they are ``[2.0]``; null if the function is the loss itself.

    Returns:
        A function of the predictions and targets of a single replicate. It returns a value per sample, or
        one scalar.

    Raises:
        UserError: the function is not trusted, cannot be imported, or does not make a loss.
    """
    loss_or_factory = _load(function)
    try:
        if isinstance(arguments, dict):
            loss = get(loss_or_factory(**arguments))
        elif arguments is not None:
            loss = get(loss_or_factory(*arguments))
        else:
            loss = get(loss_or_factory)
    except TypeError as error:
        key, value = ("loss.function", function) if arguments is None else ("loss.arguments", arguments)
        raise _mistake(key, value, f"{function} does not make a loss: {error}") from error

    if next(loss.parameters(), None) is not None:
        raise _mistake("loss.function", function, "it has parameters of its own, which a run does not train")

    def values(y_pred: Tensor, y_true: Tensor) -> Tensor:
        return loss.values(y_pred, y_true)[0]

    if isinstance(loss, FunctionLoss):  # some of its values may not count
        built_in, parameters = type(loss).function, loss.parameters_of_function
        return counting(lambda labels, _: counted(built_in, labels, labels, parameters))(values)
    return values


def _load(reference: str) -> Any:
    """Import what ``module:name`` refers to, if the user trusts it."""
    module_name, colon, name = reference.partition(":")
    if not colon or not name:
        raise _mistake("loss.function", reference, "write it as my_package.my_module:my_loss")
    trust.require(reference)
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        hint = f"{module_name} cannot be imported from {folder}: {type(error).__name__}: {error}"
        raise _mistake("loss.function", reference, hint) from error
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        suggestion = did_you_mean(name, public, f"{module_name}:")
        raise _mistake("loss.function", reference, f"{module_name} has no '{name}'. {suggestion}".rstrip())
    loaded = getattr(module, name)
    defined_in = str(getattr(loaded, "__module__", ""))
    if not trust.is_granted(reference) and not defined_in.startswith("lossbench."):
        hint = f"{module_name} only imports {name}; name the module that defines it"
        raise _mistake("loss.function", reference, hint)
    return loaded


def _mistake(key: str, value: Any, hint: str) -> UserError:
    return ConfigError([Issue(key, value, hint)])
