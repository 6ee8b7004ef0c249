"""The data settings of a run, which the config fills in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lossbench.data.corruption import Corruption
from lossbench.data.dataset import Dataset
from lossbench.tasks import Encoding


@dataclass(frozen=True)
class DataSettings:
    """The data set and what is done to its rows.

    Attributes:
        name: the name of the data set.
        load: a function that loads it.
        validation: the share of rows that validate.
        test: the share of rows that test.
        stratify: whether the parts keep the shares of the classes.
        balance_classes: whether every class of the training part has the same total weight.
        corruption: the corruption of the training part.
    """

    name: str
    load: Callable[[], Dataset]
    validation: float
    test: float
    stratify: bool
    balance_classes: bool
    corruption: Corruption


@dataclass(frozen=True)
class TargetSettings:
    """How the target of one output is given to its losses.

    Attributes:
        name: the name of the target; empty if the data set has a single one.
        encodings: for each term, the form in which its loss takes the target.
        standardised: whether each replicate standardises it by its training part.
    """

    name: str
    encodings: Mapping[str, Encoding]
    standardised: bool
