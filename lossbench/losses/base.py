"""Loss objects: the class form of every loss function, and of the user's own."""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from lossbench.errors import ConfigError
from lossbench.losses.reduction import DEFAULT_REDUCTION, canonical_reduction, counted, reduce
from lossbench.signatures import issues, keyword_parameters, parameter_model

_TARGET_NAMES = {"y_true", "true", "target", "targets", "label", "labels"}
_PREDICTION_NAMES = {"y_pred", "pred", "preds", "prediction", "predictions", "input", "logits"}


class Loss(nn.Module):
    """A loss as an object: ``call`` gives the values, calling the object weights and reduces them.

    Subclass it as one subclasses ``keras.losses.Loss``: ``call(self, y_true, y_pred)`` returns one
    value per sample (preferred), or one scalar; the order of its two arguments is read from their
    names.

    Args:
        name: what reports call it; by default the class's name in snake case.
        reduction: see :func:`lossbench.losses.reduction.reduce`.

    >>> class Cubic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (y_pred - y_true).abs().pow(3).mean(-1)
    >>> Cubic()(torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    tensor(8.)
    """

    def __init__(self, name: str | None = None, reduction: str | None = DEFAULT_REDUCTION) -> None:
        super().__init__()
        if not isinstance(name, str | None):
            raise TypeError(f"name={name!r}: the name that reports show is a text")
        self.name = name or _snake_case(type(self).__name__)
        self.reduction = canonical_reduction(reduction)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The unreduced values: one per sample, or one scalar. To be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a method call(self, y_true, y_pred)")

    def forward(self, y_pred: Any, y_true: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        """The weighted and reduced loss.

        Args:
            y_pred: predictions, ``(N, ...)``; anything ``torch.as_tensor`` takes.
            y_true: targets, as the loss wants them.
            sample_weight: one weight, ``(N,)`` per sample, or one per value.
            mask: true where a sample, or a time step, counts: ``(N,)`` or ``(N, T)``. The others enter no
                mean and no gradient, whatever they hold.

        Returns:
            A scalar; with ``reduction="none"`` one value per sample.
        """
        y_pred, y_true = torch.as_tensor(y_pred), torch.as_tensor(y_true)
        if mask is None:
            values, counts = self.values(y_pred, y_true)
        else:
            values, counts = self._values_where(_as_mask(mask, y_pred), y_pred, y_true)
        if values.ndim == 0 and self.reduction == "none":
            raise ValueError(
                f"reduction='none': {self.name} gives one scalar for the whole batch, not one value "
                "per sample"
            )
        return reduce(
            values[None],
            None if sample_weight is None else _as_weights(sample_weight, values)[None],
            reduction=self.reduction,
            mask=None if counts is None else counts[None],
        )[0]

    def _values_where(self, mask: Tensor, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | None]:
        """The values of what a mask leaves, 0 elsewhere: what is left out is never looked at."""
        kept, counts = self.values(y_pred[mask], y_true[mask])
        if kept.ndim == 0:
            return kept, counts
        values = kept.new_zeros(mask.shape + kept.shape[1:]).index_put((mask,), kept)
        every = torch.zeros(values.shape, dtype=torch.bool, device=values.device)
        return values, every.index_put(
            (mask,), torch.ones_like(kept, dtype=torch.bool) if counts is None else counts
        )

    def values(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | None]:
        """The unreduced values and, where some do not count, the mask of those that do."""
        ordered = (y_true, y_pred) if _target_first(self.call) else (y_pred, y_true)
        return _tensor(self.call(*ordered), self.name), None

    def get_config(self) -> dict[str, Any]:
        """What :meth:`from_config` needs to build the same loss again."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The loss that ``get_config`` described."""
        return cls(**config)


class FunctionLoss(Loss):
    """The class form of one loss function; its parameters are the function's, checked.

    Raises:
        ConfigError: a parameter is unknown, of the wrong type or out of range.
    """

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        *positional: Any,
        name: str | None = None,
        reduction: str | None = DEFAULT_REDUCTION,
        **parameters: Any,
    ) -> None:
        function = type(self).function
        super().__init__(name or function.__name__, reduction)
        order = [known.name for known in keyword_parameters(function)]  # Keras's, as in Huber(2.0)
        if len(positional) > len(order):
            raise TypeError(
                f"{type(self).__name__} takes {', '.join(order) or 'no parameters'}; give "
                "name= and reduction= by keyword"
            )
        doubled = set(order[: len(positional)]) & set(parameters)
        if doubled:
            raise TypeError(f"{type(self).__name__} got {doubled.pop()} twice, by place and by name")
        parameters |= dict(zip(order, positional, strict=False))
        found = issues(parameter_model(function), parameters, function.__name__, "")
        if found:
            raise ConfigError(found, f"the parameters of {function.__name__}")
        defaults = {known.name: known.default for known in keyword_parameters(function)}
        self.parameters_of_function = {**defaults, **parameters}

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One value per sample."""
        return type(self).function(y_pred, y_true, **self.parameters_of_function)

    def values(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | None]:
        """The values and the mask of those that count; 1-D tensors are read as one column."""
        if y_pred.ndim == 1:
            y_pred = y_pred.unsqueeze(-1)
            y_true = y_true.unsqueeze(-1) if y_true.ndim == 1 else y_true
        values = self.call(y_true, y_pred)
        return values, counted(type(self).function, values, y_true, self.parameters_of_function)

    def get_config(self) -> dict[str, Any]:
        """What ``losses.get`` needs to build the same loss again; ``label`` is the display name."""
        return {
            "name": type(self).function.__name__,
            "label": self.name,
            "reduction": self.reduction,
            **self.parameters_of_function,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The loss that ``get_config`` described."""
        rest = {key: value for key, value in config.items() if key not in ("name", "label")}
        return cls(name=config.get("label"), **rest)

    def extra_repr(self) -> str:
        """Parameters and reduction, as ``repr`` shows them."""
        shown = {**self.parameters_of_function, "reduction": self.reduction}
        return ", ".join(f"{key}={value!r}" for key, value in shown.items())


class CallableLoss(Loss):
    """The user's own function as a loss; it sees exactly the tensors that were passed."""

    def __init__(
        self,
        function: Callable[..., Tensor],
        name: str | None = None,
        reduction: str | None = DEFAULT_REDUCTION,
    ) -> None:
        super().__init__(name or getattr(function, "__name__", type(function).__name__), reduction)
        self.function = function
        self._target_first = _target_first(function)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the function returns."""
        return self.function(*((y_true, y_pred) if self._target_first else (y_pred, y_true)))

    def values(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the function returns; nothing is masked."""
        return _tensor(self.call(y_true, y_pred), self.name), None


@cache
def class_form(function: Callable[..., Tensor]) -> type[FunctionLoss]:
    """The class of a loss function, ``mean_squared_error`` -> ``MeanSquaredError``."""
    name = "".join(word.capitalize() for word in function.__name__.split("_"))
    body = {
        "function": staticmethod(function),
        "__doc__": inspect.getdoc(function),
        "__module__": "lossbench.losses",
        "__qualname__": name,
    }
    return type(name, (FunctionLoss,), body)


def _target_first(function: Callable[..., Tensor]) -> bool:
    """Whether a callable takes ``(y_true, y_pred)``, as its parameters' names say."""
    called = function.forward if isinstance(function, nn.Module) else function
    first, second = ([*inspect.signature(called).parameters, "", ""])[:2]
    if first in _PREDICTION_NAMES and second in _TARGET_NAMES:
        return False
    if first in _TARGET_NAMES and second in _PREDICTION_NAMES:
        return True
    raise TypeError(
        f"{getattr(function, '__name__', function)}({first}, {second}): which is the prediction? Name "
        "the two parameters y_pred and y_true, in either order"
    )


def _tensor(values: Any, name: str) -> Tensor:
    if not isinstance(values, Tensor):
        raise TypeError(f"{name} returned {type(values).__name__}; a loss returns a torch tensor")
    return values


def _as_weights(sample_weight: Any, values: Tensor) -> Tensor:
    return torch.as_tensor(sample_weight, dtype=values.dtype, device=values.device)


def _as_mask(mask: Any, y_pred: Tensor) -> Tensor:
    """A mask over the leading axes of the predictions: their samples, or their time steps."""
    given = torch.as_tensor(mask, dtype=torch.bool, device=y_pred.device)
    axes = max(y_pred.ndim - 1, 1)
    chosen = given.squeeze(-1) if given.ndim > axes and given.shape[-1] == 1 else given
    if not 1 <= chosen.ndim <= axes or chosen.shape != y_pred.shape[: chosen.ndim]:
        raise ValueError(
            f"mask of shape {tuple(given.shape)} against predictions of shape {tuple(y_pred.shape)}: give "
            "one truth value per sample (N,), or one per time step (N, T)"
        )
    return chosen


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
