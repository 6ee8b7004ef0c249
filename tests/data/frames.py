"""Tables that the tests of data share, and what they ask of a module built from one."""

import numpy as np
import pandas as pd

from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.runs.run import fit as train
from lossbench.runs.run import prepare
from lossbench.training.build import make_orders

ROWS = 200
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 2))
WEIGHTS = RANDOM.integers(0, 4, ROWS)
FRAME = pd.DataFrame(
    {
        "a": X[:, 0],
        "b": X[:, 1],
        "y": X.sum(1) + RANDOM.normal(size=ROWS),
        "z": X[:, 0] - X[:, 1],
        "kind": np.repeat(["u", "v", "w"], [120, 60, 20]),
        "count": RANDOM.poisson(3, ROWS),
        "weight": WEIGHTS,
        "group": RANDOM.integers(0, 20, ROWS),
        "part": RANDOM.permutation(np.repeat(["train", "validation", "test"], [120, 40, 40])),
        "day": RANDOM.permutation(pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")),
    }
)
REGRESSION = FRAME[["a", "b", "y"]]
CLASSES = FRAME[["a", "b", "kind"]]


def build_from(*overrides):
    """Return the config, the data set, the splits and the module, which is not trained."""
    settings = resolve(plain(compose_config(*overrides)))
    dataset = settings.data.load()
    splits, module, _ = prepare(settings, dataset)
    return settings, dataset, splits, module


def fit(settings, module):
    """Train a module and return it."""
    train(settings, module, make_orders(module.table, settings.seeds))
    return module


def batch_of(module, part="train"):
    """Return features, the only term's targets, and its weights or None, as the replicates read a part."""
    rows = module.table.rows(part)
    ((features, targets, weights),) = module.table.batches(rows, rows.shape[1])
    (target,) = targets.values()
    return features.numpy(), target.numpy(), next((counts.numpy() for counts in weights.values()), None)
