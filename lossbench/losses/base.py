"""Loss objects: the base class, and the class forms of loss functions and of user functions."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn

from lossbench.errors import ConfigError
from lossbench.losses.reduction import counted, reduce
from lossbench.signatures import (
    DEFAULT_REDUCTION,
    canonical_reduction,
    issues,
    keyword_parameters,
    parameter_model,
)

_TARGET_NAMES = {"y_true", "true", "target", "targets", "label", "labels"}
_PREDICTION_NAMES = {"y_pred", "pred", "preds", "prediction", "predictions", "input", "logits"}


class Loss(nn.Module):
    """Base class of losses: ``call`` computes the values; calling the object weights and reduces them.

    Subclass it as you would ``keras.losses.Loss``: ``call(self, y_true, y_pred)`` returns one value per
    sample (preferred) or one scalar. Its two parameters may be in either order, which is read from their
    names.

    Args:
        name: the display name in reports; by default the name of the class in snake case.
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
            raise TypeError(f"name={name!r}: the display name must be a text")
        self.name = name or _snake_case(type(self).__name__)
        self.reduction = canonical_reduction(reduction)

    if TYPE_CHECKING:

        def __call__(self, y_pred: Any, y_true: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
            """Tell type checkers what :meth:`forward` takes; torch declares any arguments and any result."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the unreduced values, one per sample, or one scalar. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} needs a method call(self, y_true, y_pred)")

    def forward(self, y_pred: Any, y_true: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        """Compute the weighted and reduced loss.

        Args:
            y_pred: predictions, ``(N, ...)``; anything that ``torch.as_tensor`` accepts.
            y_true: targets, in the form that the loss takes.
            sample_weight: a single weight, ``(N,)`` weights per sample, or a weight per value.
            mask: true where a sample, or a time step, counts: ``(N,)`` or ``(N, T)``. The others do not
                affect the loss or its gradient, even if they hold NaN.

        Returns:
            A scalar; with ``reduction="none"`` one value per sample.

        Raises:
            ValueError: shapes or ranges do not fit the loss, or weights or ``none`` are given for a loss
                that returns one scalar per batch.
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
        """Compute the values where the mask is true, without reading the rest, whose values are 0."""
        kept, counts = self.values(y_pred[mask], y_true[mask])
        if kept.ndim == 0:
            return kept, counts
        values = kept.new_zeros(mask.shape + kept.shape[1:]).index_put((mask,), kept)
        nowhere = torch.zeros(values.shape, dtype=torch.bool, device=values.device)
        counts = torch.ones_like(kept, dtype=torch.bool) if counts is None else counts
        return values, nowhere.index_put((mask,), counts)

    def values(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the unreduced values, and the mask of those that count, or None if all do."""
        ordered = (y_true, y_pred) if _target_first(self.call) else (y_pred, y_true)
        return _tensor(self.call(*ordered), self.name), None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments with which :meth:`from_config` builds the same loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the loss that :meth:`get_config` described."""
        return cls(**config)


class FunctionLoss(Loss):
    """Base of the class forms: a loss function with checked parameters.

    Raises:
        ConfigError: a parameter is unknown, of the wrong type or out of range.
        TypeError: there are too many positional arguments, or one is given by keyword as well.
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
        defaults = {known.name: known.default for known in keyword_parameters(function)}
        order = list(defaults)  # that of Keras, as in Huber(2.0)
        if len(positional) > len(order):
            raise TypeError(
                f"{type(self).__name__} takes {', '.join(order) or 'no parameters'}; give "
                "name= and reduction= by keyword"
            )
        doubled = set(order[: len(positional)]) & set(parameters)
        if doubled:
            raise TypeError(f"{type(self).__name__} got {doubled.pop()} twice, by position and by keyword")
        parameters |= dict(zip(order, positional, strict=False))
        mistakes = issues(parameter_model(function), parameters, function.__name__, "")
        if mistakes:
            raise ConfigError(mistakes, f"the parameters of {function.__name__}")
        self.parameters_of_function = {**defaults, **parameters}

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the values of the function, with the parameters of this object."""
        return type(self).function(y_pred, y_true, **self.parameters_of_function)

    def values(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the values and the mask of those that count; 1-D tensors are read as one column."""
        if y_pred.ndim == 1:
            y_pred = y_pred.unsqueeze(-1)
            y_true = y_true.unsqueeze(-1) if y_true.ndim == 1 else y_true
        values = self.call(y_true, y_pred)
        return values, counted(type(self).function, values, y_true, self.parameters_of_function)

    def get_config(self) -> dict[str, Any]:
        """Return the dict from which ``losses.get`` builds the same loss; ``label`` is the display name."""
        return {
            "name": type(self).function.__name__,
            "label": self.name,
            "reduction": self.reduction,
            **self.parameters_of_function,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the loss that :meth:`get_config` described."""
        rest = {key: value for key, value in config.items() if key not in ("name", "label")}
        return cls(name=config.get("label"), **rest)

    def extra_repr(self) -> str:
        """Return parameters and reduction, which ``repr`` shows."""
        shown = {**self.parameters_of_function, "reduction": self.reduction}
        return ", ".join(f"{key}={value!r}" for key, value in shown.items())


class CallableLoss(Loss):
    """A user function as a loss; it is given exactly the tensors that were passed.

    Args:
        function: a function or module of predictions and targets; their order is read from their names.
        name: the display name in reports; by default the name of the function.
        reduction: see :func:`lossbench.losses.reduction.reduce`.

    Raises:
        TypeError: the names of the parameters do not settle their order.
    """

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
        """Return what the function returns."""
        return self.function(*((y_true, y_pred) if self._target_first else (y_pred, y_true)))

    def values(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what the function returns, and None: all values count."""
        return _tensor(self.call(y_true, y_pred), self.name), None


@functools.cache
def class_form(function: Callable[..., Tensor]) -> type[FunctionLoss]:
    """Return the class of a loss function: that of ``mean_squared_error`` is ``MeanSquaredError``.

    >>> from lossbench.losses import huber
    >>> class_form(huber)(2.0)
    Huber(delta=2.0, reduction='sum_over_batch_size')
    >>> list(inspect.signature(class_form(huber)).parameters)
    ['delta', 'name', 'reduction']
    """
    name = class_name(function.__name__)

    def constructor(self: FunctionLoss, *positional: Any, **keywords: Any) -> None:
        FunctionLoss.__init__(self, *positional, **keywords)

    vars(constructor)["__signature__"] = _signature(function)
    body = {
        "__init__": constructor,
        "function": staticmethod(function),
        "__doc__": inspect.getdoc(function),
        "__module__": "lossbench.losses",
        "__qualname__": name,
    }
    return type(name, (FunctionLoss,), body)


def class_name(function_name: str) -> str:
    """Return the name of the class form of a loss function.

    >>> class_name("mean_squared_error")
    'MeanSquaredError'
    """
    return "".join(word.capitalize() for word in function_name.split("_"))


def _signature(function: Callable[..., Tensor]) -> inspect.Signature:
    """Return the signature of a class form: the parameters of the function, which may be positional."""
    base = inspect.signature(FunctionLoss.__init__)
    first, *options = (base.parameters[name] for name in ("self", "name", "reduction"))
    parameters = [known.replace(kind=known.POSITIONAL_OR_KEYWORD) for known in keyword_parameters(function)]
    return base.replace(parameters=[first, *parameters, *options])


def _target_first(function: Callable[..., Tensor]) -> bool:
    """Return whether a callable takes ``(y_true, y_pred)`` in that order, judged by their names."""
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
    """Return the mask over the leading axes of the predictions: their samples, or their time steps."""
    given = torch.as_tensor(mask, dtype=torch.bool, device=y_pred.device)
    axes = max(y_pred.ndim - 1, 1)
    shaped = given.squeeze(-1) if given.ndim > axes and given.shape[-1] == 1 else given
    if not 1 <= shaped.ndim <= axes or shaped.shape != y_pred.shape[: shaped.ndim]:
        raise ValueError(
            f"mask of shape {tuple(given.shape)} against predictions of shape {tuple(y_pred.shape)}: give "
            "one truth value per sample (N,), or one per time step (N, T)"
        )
    return shaped


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
