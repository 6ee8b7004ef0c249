"""The data settings of a run, which the config fills in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lossbench.data.corruption import Corruption
from lossbench.data.dataset import Dataset
from lossbench.tasks import Encoding, Scaling


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
        feature_limit: the largest size of a standardised feature; None for no limit.
    """

    name: str
    load: Callable[[], Dataset]
    validation: float
    test: float
    stratify: bool
    balance_classes: bool
    corruption: Corruption
    feature_limit: float | None


@dataclass(frozen=True)
class TargetSettings:
    """How the target of one output is given to its losses.

    Attributes:
        name: the name of the target; empty if the data set has a single one.
        encodings: for each term, the form in which its loss takes the target.
        scaling: the units in which the network predicts it, and losses are given it; None for the data's.
        user_units: the terms whose losses are given the units of the data all the same.
    """

    name: str
    encodings: Mapping[str, Encoding]
    scaling: Scaling | None
    user_units: frozenset[str] = frozenset()

    def units_for(self, term: str) -> str:
        """Return the units in which the loss of a term is given the target, in words."""
        return (
            "the units of the data" if self.scaling is None or term in self.user_units else self.scaling.units
        )
