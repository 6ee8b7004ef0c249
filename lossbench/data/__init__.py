"""Data by name: bundled sets and the user's own table, each as one :class:`Dataset`."""

import importlib
from collections.abc import Callable

from lossbench.data.dataset import Dataset


def source(name: str) -> Callable[..., Dataset]:
    """The function that loads the data set called ``name``; its parameters are the config's.

    >>> source("diabetes")().target.task
    'regression'
    """
    # pandas and scikit-learn take a second to import: only where they are used
    module = importlib.import_module(f"lossbench.data.{'table' if name == 'table' else 'bundled'}")
    found: Callable[..., Dataset] = vars(module)[name]
    return found
