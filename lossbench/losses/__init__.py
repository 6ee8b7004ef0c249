"""Every loss in three forms: function (``huber``), class (``Huber``) and string (``get("huber")``).

The losses are found, not listed: a function here and a YAML of its name in ``conf/loss`` are a loss.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from torch import Tensor

from lossbench import registry
from lossbench.errors import did_you_mean
from lossbench.losses.base import CallableLoss, FunctionLoss, Loss, class_form
from lossbench.losses.reduction import DEFAULT_REDUCTION

__all__ = ["Loss", "function", "get", "names"]


def names() -> list[str]:
    """The canonical names of all losses.

    >>> "huber" in names()
    True
    """
    return list(registry.losses())


@cache
def function(name: str) -> Callable[..., Tensor]:
    """The function of a loss, by canonical name.

    >>> function("huber").__name__
    'huber'
    """
    modules = (importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    found: Callable[..., Tensor] = next(vars(m)[name] for m in modules if name in vars(m))
    return found


def get(
    identifier: Any,
    *,
    name: str | None = None,
    reduction: str | None = DEFAULT_REDUCTION,
    **parameters: Any,
) -> Loss:
    """A loss object from whatever names one.

    Args:
        identifier: a name or any alias, the dict that a config holds (``{"name": "huber", "delta":
            2.0}``), a loss function, any callable ``(y_true, y_pred)``, a subclass of ``Loss``, or an
            object of one, which is returned as it is.
        name: what reports call it.
        reduction: see :func:`lossbench.losses.reduction.reduce`.
        parameters: the loss's own.

    Raises:
        ValueError: an unknown name, with the nearest.
        ConfigError: a parameter is unknown, of the wrong type or out of range.
        TypeError: not something that names a loss.

    >>> get("mse")([[3.0]], [[1.0]])
    tensor(4.)
    >>> get({"name": "huber", "delta": 2.0}).get_config()["delta"]
    2.0
    """
    options = {"name": name, "reduction": reduction, **parameters}
    defaults = {"name": None, "reduction": DEFAULT_REDUCTION}
    given = {key: value for key, value in options.items() if key not in defaults or value != defaults[key]}
    if isinstance(identifier, Loss):
        if given:
            raise TypeError(f"{identifier} is made already; build a new one to set {', '.join(given)}")
        return identifier
    if isinstance(identifier, str):
        return class_form(function(_canonical(identifier)))(**given)
    if isinstance(identifier, Mapping):
        return _from_dict(identifier, given)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier(**given)
    if not callable(identifier):
        raise TypeError(f"{identifier!r} names no loss: give a name, a dict, a function or a Loss")
    if _is_ours(identifier):
        return class_form(identifier)(**given)
    if parameters:
        raise TypeError(f"{', '.join(parameters)}: bind a function's parameters with functools.partial")
    return CallableLoss(identifier, **given)


def _from_dict(config: Mapping[str, Any], given: dict[str, Any]) -> FunctionLoss:
    if not isinstance(config.get("name"), str):
        raise TypeError(f"{dict(config)!r} names no loss: it needs a key 'name', as 'huber'")
    own = {key: value for key, value in config.items() if key not in ("name", "label", "about")}
    return class_form(function(_canonical(config["name"])))(**{"name": config.get("label"), **own, **given})


def _is_ours(candidate: Callable[..., Any]) -> bool:
    name = getattr(candidate, "__name__", "")
    return name in registry.losses() and function(name) is candidate


def _canonical(name: str) -> str:
    known = registry.canonical_loss(name)
    if known is None:
        every_name = [*names(), *registry.loss_aliases()]
        raise ValueError(
            f"no loss is called {name!r}. {did_you_mean(name, every_name)}The losses: {', '.join(names())}"
        )
    return known


def __getattr__(name: str) -> Any:
    """``losses.huber`` is the function, ``losses.Huber`` the class, under every alias."""
    known = None if name.startswith("_") else registry.canonical_loss(name)
    if known is None:
        raise AttributeError(f"lossbench.losses has no {name!r}")
    return class_form(function(known)) if name[0].isupper() else function(known)


def __dir__() -> list[str]:
    classes = [class_form(function(name)).__name__ for name in names()]
    return sorted([*globals(), *names(), *classes])
