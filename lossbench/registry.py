"""The choices in ``conf/`` as typed records: names, aliases, facts, and where their code is.

This module imports no torch: help, aliases, checks and the catalogue use it.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lossbench.errors import nearest
from lossbench.tasks import ENCODINGS, SPACES, TASKS, Encoding, Space, Task

PACKAGE = Path(__file__).parent
# A wheel has the YAMLs inside the package; a checkout has them beside it.
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
# The C loader, where it was built: the plain one is ten times slower
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

CUSTOM, OUTPUTS = "custom", "outputs"  # losses that the user supplies or puts together
AUTO, TABLE = "auto", "table"  # the data set that the loss suggests, and the user's own file
CONSTANT, NONE = "constant", "none"  # the schedule and the regularizer that do nothing
# Where the components of each group are defined: a module, or a package of modules
_CODE = {
    "loss": "losses",
    "data": "data",
    "model": "training/network",
    "optimizer": "training/optimizers",
    "schedule": "training/schedules",
    "regularizer": "training/regularizers",
}


_DEFINITION = re.compile(r"^def ([^\W_]\w*)", re.MULTILINE)  # of a public function


@dataclass(frozen=True)
class LossInfo:
    """The facts of a loss: the ``about`` section of its YAML.

    Attributes:
        name: the canonical name.
        task: the task it is made for.
        encoding: the form in which it takes targets.
        space: where its predictions lie.
        units: what the network's outputs stand for: ``targets``, ``classes`` or an ``embedding``.
        couples_samples: whether a value depends on the whole batch.
        numbers: how many numbers it reads for each unit, or the name of the parameter whose items they are;
            None for one number without an axis of its own.
        point: which of these numbers is the point prediction that metrics judge.
        data: its default data set.
        aliases: its other names.
        elsewhere: its names in other libraries.
        source: the paper or library of its formula.
        in_user_units: whether it is given predictions and targets in the units of the data, because it has
            another meaning in other units.
        metric: the metric that is its mean, or the root of its mean, if there is one.
        facts: the whole section, as written.
    """

    name: str
    task: Task
    encoding: Encoding
    space: Space
    units: str
    couples_samples: bool
    numbers: int | str | None
    point: int
    data: str
    aliases: tuple[str, ...]
    elsewhere: Mapping[str, str]
    source: str
    in_user_units: bool
    metric: str | None
    facts: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_facts(cls, name: str, facts: Mapping[str, Any]) -> "LossInfo":
        """Read an ``about`` section."""
        return cls(
            name=name,
            task=TASKS[facts["task"]],
            encoding=ENCODINGS[facts["target"]],
            space=SPACES[facts["prediction"]],
            units=facts["units"],
            couples_samples=facts["couples_samples"],
            numbers=facts.get("numbers"),
            point=facts.get("point", 0),
            data=facts["data"],
            aliases=tuple(facts["aliases"] or ()),
            elsewhere=facts["elsewhere"],
            source=facts["source"],
            in_user_units=facts.get("in_user_units", False),
            metric=facts.get("metric"),
            facts=facts,
        )

    @property
    def is_custom(self) -> bool:
        """Whether it is the user's own loss, whose facts the config states."""
        return self.name == CUSTOM

    @property
    def is_scalar(self) -> bool:
        """Whether it gives one scalar for a whole batch, so that rows cannot be weighted."""
        return self.couples_samples and not self.space.embeds and not self.is_custom


@dataclass(frozen=True)
class DataInfo:
    """The facts of a data set.

    Attributes:
        name: the name of the data set.
        tasks: the task of each target, by name; None where the user's config or the loss decides.
        task: the task of the only target; None if there are several, or if it is open.
        facts: the ``about`` section, as written; None if there is none.
    """

    name: str
    tasks: Mapping[str, Task] | None
    task: Task | None
    facts: Mapping[str, Any] | None = field(repr=False)

    @property
    def is_table(self) -> bool:
        """Whether it is read from the user's own file."""
        return self.name == TABLE


@cache
def names(group: str) -> tuple[str, ...]:
    """Return the names of a group's choices, sorted: the names of its YAML files.

    >>> "huber" in names("loss")
    True
    """
    return tuple(sorted(path.stem for path in (CONF / group).glob("*.yaml")))


@cache
def groups() -> tuple[str, ...]:
    """Return the names of all groups, sorted."""
    return tuple(sorted(path.name for path in CONF.iterdir() if path.is_dir()))


@cache
def losses() -> tuple[str, ...]:
    """Return the names of lossbench's losses, without the user's own and combinations."""
    return tuple(name for name in names("loss") if name not in (CUSTOM, OUTPUTS))


@cache
def bundled_data() -> tuple[str, ...]:
    """Return the names of the data sets that come with lossbench."""
    return tuple(name for name in names("data") if name not in (AUTO, TABLE))


@cache
def read(group: str, name: str) -> dict[str, Any]:
    """Return the content of one choice's YAML."""
    return dict(yaml.load((CONF / group / f"{name}.yaml").read_text("utf-8"), Loader=YAML_LOADER))


@cache
def loss(name: str) -> LossInfo:
    """Return the facts of a loss, by canonical name.

    >>> loss("huber").task.name
    'regression'
    """
    return LossInfo.from_facts(name, read("loss", name)["about"])


@cache
def dataset(name: str) -> DataInfo:
    """Return the facts of a data set.

    >>> list(dataset("wine").tasks)
    ['cultivar', 'alcohol']
    """
    facts = read("data", name).get("about")
    tasks = (facts or {}).get("tasks")
    task = (facts or {}).get("task")
    return DataInfo(
        name,
        None if tasks is None else {target: TASKS[of_target] for target, of_target in tasks.items()},
        None if task is None else TASKS[task],
        facts,
    )


def parameters(group: str, name: str) -> dict[str, Any]:
    """Return the parameters of a choice with their defaults: its YAML without name and facts."""
    return {key: value for key, value in read(group, name).items() if key not in ("name", "about")}


@cache
def config_keys() -> tuple[str, ...]:
    """Return every key of every choice, as typed: ``loss.delta``, ``trainer.max_epochs``, ``seed``."""
    top = {key: value for key, value in read("", "config").items() if key not in ("defaults", "hydra")}
    sections = [(key, value) for key, value in top.items() if isinstance(value, dict)]
    sections += [(group, read(group, name)) for group in _CODE for name in names(group)]
    nested = [f"{section}.{key}" for section, content in sections for key in content]
    return tuple(dict.fromkeys([*top, *groups(), *nested]))


def similar_key(key: str) -> str:
    """Return a sentence that suggests a known key with the same last part, or the nearest one, if any.

    >>> similar_key("trainer.lr"), similar_key("sed"), similar_key("epochs")
    ('Did you mean optimizer.lr? ', 'Did you mean seed? ', 'Did you mean trainer.max_epochs? ')
    """
    hidden = (".name", ".about")
    by_last = {known.rpartition(".")[2]: known for known in config_keys() if not known.endswith(hidden)}
    last = key.rpartition(".")[2]
    if last in by_last:
        return f"Did you mean {by_last[last]}? "
    near = nearest(key, config_keys()) or by_last.get(nearest(last, by_last) or "")
    return f"Did you mean {near}? " if near else ""


@cache
def loss_aliases() -> dict[str, str]:
    """Return each short alias of a loss, in lower case, with its canonical name."""
    return {alias.lower(): name for name in losses() for alias in loss(name).aliases}


def canonical_loss(name: str) -> str | None:
    """Return the canonical name of a loss given under any alias, or None.

    Case and underscores do not matter in a canonical name, so class names resolve too. In the short aliases
    only case does not matter, so that torch's class names (``MSELoss``) are not taken for Keras's.

    >>> canonical_loss("MSE"), canonical_loss("MeanSquaredError"), canonical_loss("MSELoss")
    ('mean_squared_error', 'mean_squared_error', None)
    """
    if name in losses():  # the common case reads no YAML
        return name
    squeezed = {known.replace("_", ""): known for known in losses()}
    return squeezed.get(name.lower().replace("_", "")) or loss_aliases().get(name.lower())


@dataclass(frozen=True)
class Definition:
    """A function of lossbench, read from its source without importing it.

    Attributes:
        module: where it is defined, as ``lossbench.losses.regression``.
        parameters: its keyword-only parameters.
        docstring: the docstring, without indentation.
    """

    module: str
    parameters: tuple[inspect.Parameter, ...]
    docstring: str

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.docstring.partition("\n")[0]


@cache
def definition(group: str, name: str) -> Definition:
    """Return the function that a choice names.

    >>> definition("loss", "huber").module
    'lossbench.losses.regression'
    """
    from lossbench.signatures import parameters_in_source  # imports pydantic, which aliases do not need

    file = _files_of_functions(_CODE[group])[name]
    module = ".".join(["lossbench", *file.relative_to(PACKAGE).with_suffix("").parts])
    function = _functions_in(file)[name]
    docstring = ast.get_docstring(function) or ""
    return Definition(module, tuple(parameters_in_source(function)), docstring)


def has_definition(group: str, name: str) -> bool:
    """Return whether a choice of a group names a function; ``loss=outputs`` and ``data=auto`` name none."""
    return group in _CODE and name in _files_of_functions(_CODE[group])


def load(group: str, name: str) -> Callable[..., Any]:
    """Import the function that a choice names; nothing outside lossbench can be named.

    >>> load("loss", "huber").__name__
    'huber'
    """
    function: Callable[..., Any] = vars(importlib.import_module(definition(group, name).module))[name]
    return function


@cache
def _files_of_functions(code: str) -> dict[str, Path]:
    """Return the file of each public function in a module, or in a package's modules; nothing is parsed."""
    path = PACKAGE / code
    files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return {name: file for file in files for name in _DEFINITION.findall(file.read_text("utf-8"))}


@cache
def _functions_in(file: Path) -> dict[str, ast.FunctionDef]:
    """Return the functions of a module."""
    nodes = ast.parse(file.read_text("utf-8")).body
    return {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
