"""lossbench: choose, train and compare loss functions."""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["compare", "losses", "results", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use, so that ``--help`` and completion do not wait for torch."""
    if name == "losses":
        return importlib.import_module("lossbench.losses")
    if name in __all__:
        return getattr(importlib.import_module("lossbench.api"), name)
    raise AttributeError(f"lossbench has no {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
