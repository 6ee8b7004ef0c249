"""Parameters of components: read from signatures, checked, and described in words.

A component is a function whose keyword-only parameters are the keys of its config section. Types, ranges and
defaults are stated only in its signature. :func:`parameters_in_source` reads them without importing the
component, so that help, catalogue and config checks need no torch.
"""

import ast
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Interval, Le, Lt
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, create_model
from pydantic_core import CoreSchema, core_schema

from lossbench import tasks
from lossbench.errors import Issue, did_you_mean


class OneOf:
    """A type annotation for a string that is one of ``choices``."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the choices; pydantic calls this."""
        return core_schema.literal_schema(list(self.choices))


Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
BelowOne = Annotated[float, Interval(ge=0, lt=1)]
OpenFraction = Annotated[float, Interval(gt=0, lt=1)]
Decay = Annotated[float, Interval(gt=0, le=1)]
Count = Annotated[int, Ge(1)]
Index = Annotated[int, Ge(0)]
Norm = Annotated[float, Interval(ge=1, le=8)]  # a larger power of 1e4 would overflow
Width = Annotated[int, Interval(ge=1, le=1_000_000)]
Activation = Literal[
    "relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softplus", "softmax", "linear", "unit_length"
]
OutputActivation = Literal["auto"] | Activation
TableTask = Annotated[str, OneOf("auto", *tasks.TABLE_TASKS)]

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")
DEFAULT_REDUCTION = REDUCTIONS[0]

# Keys that a section holds because a component was chosen; the user does not set them
_GIVEN_BY_CHOICE = {"name", "about", "output"}
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)
_PLAIN = {float: "a number", int: "an integer", str: "a text", bool: "true or false"}
_BOUNDS = {Gt: "greater than", Ge: "at least", Lt: "less than", Le: "at most"}


class Section(BaseModel):
    """A part of the config: types are strict, further keys are errors, and numbers must be finite."""

    model_config = _STRICT


def canonical_reduction(reduction: str | None) -> str:
    """Return a reduction's name in lower case; ``auto`` is the default, None is ``none``.

    Raises:
        ValueError: there is no such reduction.

    >>> canonical_reduction("AUTO"), canonical_reduction("SUM")
    ('sum_over_batch_size', 'sum')
    """
    name = "none" if reduction is None else str(reduction).lower()
    name = DEFAULT_REDUCTION if name == "auto" else name
    if name not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r}: expected one of {', '.join(REDUCTIONS)}, auto")
    return name


def keyword_parameters(component: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the keyword-only parameters of a component: those that a config may set."""
    parameters = inspect.signature(component).parameters.values()
    return [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def parameters_in_source(definition: ast.FunctionDef) -> list[inspect.Parameter]:
    """Return the keyword-only parameters of a function of lossbench, without importing its module.

    Args:
        definition: the function; its annotations use builtins, ``Literal``, ``Any`` and types of this module.

    >>> definition = ast.parse("def huber(y, *, delta: Positive = 1.0): ...").body[0]
    >>> [(parameter.name, parameter.default) for parameter in parameters_in_source(definition)]
    [('delta', 1.0)]
    """
    arguments = definition.args
    return [
        inspect.Parameter(
            argument.arg,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if default is None else ast.literal_eval(default),
            annotation=_evaluate(argument.annotation),
        )
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]


def _evaluate(annotation: ast.expr | None) -> Any:
    assert annotation is not None, "a component's parameter has a type"
    return eval(ast.unparse(annotation), globals())


@cache
def parameter_model(component: Callable[..., Any]) -> type[BaseModel]:
    """Return a pydantic model of a component's keyword-only parameters."""
    return create_model(component.__name__, __config__=_STRICT, **model_fields(keyword_parameters(component)))


def model_fields(parameters: Iterable[inspect.Parameter]) -> dict[str, Any]:
    """Return parameters as pydantic's field definitions."""
    return {parameter.name: (parameter.annotation, _default(parameter)) for parameter in parameters}


def issues(
    model: type[BaseModel],
    values: Mapping[str, Any],
    owner: str,
    key: str,
    elsewhere: Callable[[str], str] = lambda key: "",
) -> list[Issue]:
    """Return what is wrong with ``values`` as the fields of ``model``.

    Args:
        model: what is allowed.
        values: what was passed.
        owner: whose parameters they are, for the messages (``huber``).
        key: their section in the config (``loss``), or an empty text.
        elsewhere: maps a key that is unknown here to a sentence that says where it belongs, or an empty text.

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
        kinds = {str(detail["loc"][0]): detail["type"] for detail in error.errors()}
    else:
        return []
    prefix = f"{key}." if key else ""
    fields = model.model_fields
    result = []
    for name, kind in kinds.items():
        if name not in fields:
            known = sorted(set(fields) - _GIVEN_BY_CHOICE)
            meant = elsewhere(prefix + name) or did_you_mean(name, known, prefix)
            hint = f"{owner} has no '{name}'. {meant}It has: {', '.join(known) or 'no parameters'}"
        else:
            needed = describe(fields[name].annotation, fields[name].metadata)
            hint = f"is not given; it is {needed}" if kind == "missing" else f"must be {needed}"
            if "a text" in needed and isinstance(values.get(name), int | float):
                hint += f"; a number becomes a text in quotes, '{prefix}{name}=\"{values[name]}\"'"
        result.append(Issue(prefix + name, values.get(name, ...), hint))
    return result


def describe(annotation: Any, bounds: Any = ()) -> str:
    """Return an annotation in words.

    >>> describe(Annotated[float, Gt(0)]), describe(list[Count] | None)
    ('a number greater than 0', 'a list, each an integer at least 1, or null')
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    choices = next((bound.choices for bound in bounds if isinstance(bound, OneOf)), None)
    if origin is Annotated:
        return describe(arguments[0], arguments[1:])
    if choices is not None or origin is Literal:
        return "one of: " + ", ".join(map(str, choices or arguments))
    if origin in (Union, types.UnionType):
        return _alternatives([describe(argument, bounds) for argument in arguments])
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
