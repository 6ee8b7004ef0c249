"""A component's parameters, checked and described from its signature alone: types, ranges, defaults."""

import inspect
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Interval, Le, Lt
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from lossbench.errors import Issue, did_you_mean

Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
BelowOne = Annotated[float, Interval(ge=0, lt=1)]
OpenFraction = Annotated[float, Interval(gt=0, lt=1)]
Decay = Annotated[float, Interval(gt=0, le=1)]
Count = Annotated[int, Ge(1)]
Index = Annotated[int, Ge(0)]

# What stands in a component's section because it was chosen, not to be set by itself
_GIVEN_BY_CHOICE = {"name", "about", "output"}
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)
_PLAIN = {float: "a number", int: "an integer", str: "a text", bool: "true or false"}
_BOUNDS = {Gt: "greater than", Ge: "at least", Lt: "less than", Le: "at most"}


class Section(BaseModel):
    """A part of the config whose keys are fixed: strict, closed, frozen, finite."""

    model_config = _STRICT


@cache
def parameter_model(component: Callable[..., Any]) -> type[BaseModel]:
    """A pydantic model of a component's keyword-only parameters."""
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, _default(parameter))
        for parameter in keyword_parameters(component)
    }
    return create_model(component.__name__, __config__=_STRICT, **fields)


def keyword_parameters(component: Callable[..., Any]) -> list[inspect.Parameter]:
    """The keyword-only parameters of a component: those that a config may set."""
    parameters = inspect.signature(component).parameters.values()
    return [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def issues(
    model: type[BaseModel],
    values: Mapping[str, Any],
    owner: str,
    key: str,
    elsewhere: Callable[[str], str] = lambda key: "",
) -> list[Issue]:
    """What is wrong with ``values`` as the fields of ``model``.

    Args:
        model: what is allowed.
        values: what was passed.
        owner: whose parameters they are, for the messages (``huber``).
        key: where they stand in the config (``loss``), or an empty text.
        elsewhere: where a key that is unknown here belongs, in words; or nothing.

    >>> from lossbench.losses import huber
    >>> for issue in issues(parameter_model(huber), {"delta": -1, "detla": 2}, "huber", "loss"):
    ...     print(issue)
    loss.delta = -1
        must be a number greater than 0
    loss.detla = 2
        huber has no 'detla'. Did you mean loss.delta? It has: delta
    """
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        places = {str(found["loc"][0]): found["type"] for found in error.errors()}
    else:
        return []
    prefix = f"{key}." if key else ""
    fields = model.model_fields
    found = []
    for name, kind in places.items():
        if name not in fields:
            known = sorted(set(fields) - _GIVEN_BY_CHOICE)
            meant = elsewhere(prefix + name) or did_you_mean(name, known, prefix)
            hint = f"{owner} has no '{name}'. {meant}It has: {', '.join(known) or 'no parameters'}"
        else:
            needed = describe(fields[name].annotation, fields[name].metadata)
            hint = f"is not given; it is {needed}" if kind == "missing" else f"must be {needed}"
            if "a text" in needed and isinstance(values.get(name), int | float):
                hint += f"; a number is made one by quotes, '{prefix}{name}=\"{values[name]}\"'"
        found.append(Issue(prefix + name, values.get(name, ...), hint))
    return found


def describe(annotation: Any, bounds: Any = ()) -> str:
    """An annotation in words.

    >>> describe(Annotated[float, Gt(0)]), describe(list[Count] | None)
    ('a number greater than 0', 'a list, each an integer at least 1, or null')
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe(arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        return _alternatives([describe(argument, bounds) for argument in arguments])
    if origin is Literal:
        return "one of: " + ", ".join(map(str, arguments))
    if origin in (list, tuple):
        return f"a list, each {describe(arguments[0])}" + _bounds_in_words(bounds)
    if origin is dict:
        return "a section" if arguments[1] is Any else f"a section, each value {describe(arguments[1])}"
    if annotation is type(None):
        return "null"
    return _PLAIN.get(annotation, str(annotation)) + _bounds_in_words(bounds)


def _alternatives(words: list[str]) -> str:
    comma = "," if any("," in word for word in words) else ""
    return f"{comma} or ".join(words)


def _bounds_in_words(bounds: Any) -> str:
    single = [part for bound in bounds for part in _parts(bound) if type(part) in _BOUNDS]
    words = [f"{_BOUNDS[type(part)]} {_limit(part)}" for part in single]
    return " " + " and ".join(words) if words else ""


def _parts(bound: Any) -> list[Any]:
    return list(bound) if isinstance(bound, Interval) else [bound]


def _limit(bound: Any) -> Any:
    return getattr(bound, type(bound).__name__.lower())  # Gt(gt=0) holds its limit as .gt


def _default(parameter: inspect.Parameter) -> Any:
    return ... if parameter.default is parameter.empty else parameter.default
