"""Find a loss by name: its function, its class and its object.

No list of losses is kept: a loss is a function in this package with a YAML of the same name in ``conf/loss``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from lossbench import registry
from lossbench.errors import did_you_mean
from lossbench.losses.base import CallableLoss, FunctionLoss, Loss, class_form, class_name
from lossbench.signatures import DEFAULT_REDUCTION


def names() -> list[str]:
    """Return the canonical names of all losses.

    >>> "huber" in names()
    True
    """
    return list(registry.losses())


def function(name: str) -> Callable[..., Tensor]:
    """Return the function of a loss, given its canonical name.

    >>> function("huber").__name__
    'huber'
    """
    return registry.load("loss", name)


def get(
    identifier: Any,
    *,
    name: str | None = None,
    reduction: str | None = DEFAULT_REDUCTION,
    **parameters: Any,
) -> Loss:
    """Return a loss object.

    Args:
        identifier: a name or any alias; the dict that a config holds (``{"name": "huber", "delta": 2.0}``);
            a loss function; any callable of ``y_true`` and ``y_pred``; a subclass of ``Loss``; or an instance
            of one, which is returned as it is.
        name: the display name in reports.
        reduction: see :func:`lossbench.losses.reduction.reduce`.
        parameters: the parameters of the loss.

    Raises:
        ValueError: the name is unknown. The message suggests the nearest.
        ConfigError: a parameter is unknown, of the wrong type or out of range.
        TypeError: the identifier does not name a loss, or takes no parameters.

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
    if _is_built_in(identifier):
        return class_form(identifier)(**given)
    if parameters:
        raise TypeError(f"{', '.join(parameters)}: bind the parameters of a function by functools.partial")
    return CallableLoss(identifier, **given)


def attributes() -> dict[str, str]:
    """Return the attributes of ``lossbench.losses`` that are losses, each with the canonical name.

    They are functions (``huber``) and classes (``Huber``), also under their aliases, and classes under the
    name that Keras gives them.

    >>> attributes()["Huber"], attributes()["mse"], attributes()["MSE"]
    ('huber', 'mean_squared_error', 'mean_squared_error')
    """
    canonical: dict[str, str] = {}
    for name in registry.losses():
        info = registry.loss(name)
        abbreviations = [alias.upper() for alias in info.aliases if "_" not in alias]
        keras_name = info.elsewhere.get("keras", name)
        spellings = [name, *info.aliases, class_name(name), *abbreviations, keras_name]
        canonical |= {spelling: name for spelling in spellings if registry.canonical_loss(spelling) == name}
    return canonical


def attribute(name: str) -> Callable[..., Tensor] | type[FunctionLoss]:
    """Return a loss as an attribute: a class if the name starts with a capital letter, else a function.

    Raises:
        AttributeError: no loss has this name.
    """
    canonical = None if name.startswith("_") else registry.canonical_loss(name)
    if canonical is None:
        raise AttributeError(f"lossbench.losses has no {name!r}")
    return class_form(function(canonical)) if name[0].isupper() else function(canonical)


def _from_dict(config: Mapping[str, Any], given: dict[str, Any]) -> FunctionLoss:
    if not isinstance(config.get("name"), str):
        raise TypeError(f"{dict(config)!r} names no loss: it needs a key 'name', as 'huber'")
    parameters = {key: value for key, value in config.items() if key not in ("name", "label", "about")}
    options = {"name": config.get("label"), **parameters, **given}
    return class_form(function(_canonical(config["name"])))(**options)


def _is_built_in(candidate: Callable[..., Any]) -> bool:
    name = getattr(candidate, "__name__", "")
    return name in registry.losses() and function(name) is candidate


def _canonical(name: str) -> str:
    canonical = registry.canonical_loss(name)
    if canonical is None:
        suggestion = did_you_mean(name, [*names(), *registry.loss_aliases()])
        raise ValueError(f"no loss is called {name!r}. {suggestion}The losses: {', '.join(names())}")
    return canonical
