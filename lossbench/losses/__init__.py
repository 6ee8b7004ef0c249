"""Every loss in three forms: function (``huber``), class (``Huber``) and string (``get("huber")``).

Type checkers read ``__init__.pyi``, which declares every loss, instead of this file. The code is therefore in
:mod:`lossbench.losses.lookup`, where mypy checks it. ``scripts/generate_stubs.py`` generates the stub; run it
after adding or changing a loss.
"""

from typing import Any

from lossbench.losses import lookup
from lossbench.losses.base import Loss
from lossbench.losses.lookup import function, get, names

__all__ = ["Loss", "function", "get", "names"]


def __getattr__(name: str) -> Any:
    """Return ``losses.huber``, the function, or ``losses.Huber``, the class, under any of its names."""
    return lookup.attribute(name)


def __dir__() -> list[str]:
    return sorted([*__all__, *lookup.attributes()])
