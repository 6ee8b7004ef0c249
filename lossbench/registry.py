"""What can be chosen, read from ``conf/``: names, aliases and facts. No torch: help and aliases use it."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lossbench.errors import nearest

_PACKAGE = Path(__file__).parent
# In a wheel the YAMLs travel inside the package; in a checkout they lie beside it.
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
# C, where it was built: the plain one is ten times slower
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def names(group: str) -> tuple[str, ...]:
    """The names of a group's choices: its YAML files' names, sorted.

    >>> "huber" in names("loss")
    True
    """
    return tuple(sorted(path.stem for path in (CONF / group).glob("*.yaml")))


@cache
def losses() -> tuple[str, ...]:
    """The names of lossbench's own losses: every choice but the user's own, and several at once."""
    return tuple(name for name in names("loss") if name not in ("custom", "outputs"))


@cache
def read(group: str, name: str) -> dict[str, Any]:
    """The content of one choice's YAML."""
    return dict(yaml.load((CONF / group / f"{name}.yaml").read_text("utf-8"), Loader=YAML_LOADER))


def about(group: str, name: str) -> dict[str, Any]:
    """The facts of one choice (a loss's task, aliases, default data, ...), its YAML's ``about``.

    >>> about("loss", "huber")["task"]
    'regression'
    """
    return dict(read(group, name).get("about", {}))


@cache
def config_keys() -> tuple[str, ...]:
    """Every key of every choice, as typed: ``loss.delta``, ``trainer.max_epochs``, ``seed``."""
    top = {key: value for key, value in read("", "config").items() if key not in ("defaults", "hydra")}
    sections = [(key, value) for key, value in top.items() if isinstance(value, dict)]
    groups = [path.name for path in CONF.iterdir() if path.is_dir()]
    sections += [(group, read(group, name)) for group in groups for name in names(group)]
    nested = [f"{section}.{key}" for section, content in sections for key in content]
    return tuple(dict.fromkeys([*top, *groups, *nested]))


def similar_key(key: str) -> str:
    """``Did you mean optimizer.lr? ``: a key of this last part, else the nearest; or nothing.

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
    """Each short alias of a loss, in lower case, to its canonical name."""
    return {alias.lower(): name for name in losses() for alias in about("loss", name)["aliases"]}


def canonical_loss(name: str) -> str | None:
    """The canonical name of a loss given under any alias, or None.

    Case and underscores do not matter in a canonical name, so class names resolve too; in the short
    aliases only case does not, so that torch's class names (``MSELoss``) are not taken for Keras's.

    >>> canonical_loss("MSE"), canonical_loss("MeanSquaredError"), canonical_loss("MSELoss")
    ('mean_squared_error', 'mean_squared_error', None)
    """
    if name in losses():  # the common case reads no YAML
        return name
    squeezed = {known.replace("_", ""): known for known in losses()}
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
