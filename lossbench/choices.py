"""What can be chosen, read from ``conf/``: names, aliases and facts. No torch: help and aliases use it."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_PACKAGE = Path(__file__).parent
# In a wheel the YAMLs travel inside the package; in a checkout they lie beside it.
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def names(group: str) -> tuple[str, ...]:
    """The names of a group's choices: its YAML files' names, sorted.

    >>> "huber" in names("loss")
    True
    """
    return tuple(sorted(path.stem for path in (CONF / group).glob("*.yaml")))


@cache
def read(group: str, name: str) -> dict[str, Any]:
    """The content of one choice's YAML."""
    return dict(yaml.load((CONF / group / f"{name}.yaml").read_text("utf-8"), Loader=_YamlLoader))


def about(group: str, name: str) -> dict[str, Any]:
    """The facts of one choice (a loss's task, aliases, default data, ...), its YAML's ``about``.

    >>> about("loss", "huber")["task"]
    'regression'
    """
    return dict(read(group, name).get("about", {}))


@cache
def loss_aliases() -> dict[str, str]:
    """Each short alias of a loss, in lower case, to its canonical name."""
    return {alias.lower(): name for name in names("loss") for alias in about("loss", name)["aliases"]}


def canonical_loss(name: str) -> str | None:
    """The canonical name of a loss given under any alias, or None.

    Case and underscores do not matter in a canonical name, so class names resolve too; in the short
    aliases only case does not, so that torch's class names (``MSELoss``) are not taken for Keras's.

    >>> canonical_loss("MSE"), canonical_loss("MeanSquaredError"), canonical_loss("MSELoss")
    ('mean_squared_error', 'mean_squared_error', None)
    """
    if name in names("loss"):  # the common case reads no YAML
        return name
    squeezed = {known.replace("_", ""): known for known in names("loss")}
    return squeezed.get(name.lower().replace("_", "")) or loss_aliases().get(name.lower())


@cache
def summaries(package: str) -> dict[str, str]:
    """The first docstring line of each function in a module or folder of modules, unimported.

    >>> summaries("losses")["huber"].startswith("Squared error within")
    True
    """
    place = _PACKAGE / package
    files = sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    functions = (
        node
        for file in files
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    )
    docs = ((node.name, ast.get_docstring(node)) for node in functions)
    return {name: doc.splitlines()[0] for name, doc in docs if doc}
