"""Splits: whole, disjoint, decided by the seed, of equal sizes for every seed."""

import numpy as np
import pytest

from lossbench import registry, tasks
from lossbench.data.dataset import Dataset, Target
from lossbench.data.splits import split
from lossbench.errors import UserError

OPTIONS = {"validation": 0.2, "test": 0.2, "stratify": True}


def parts(dataset, seed, **options):
    got = split(dataset, seed=seed, **{**OPTIONS, **options})
    return [got.train, got.validation, got.test]


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "digits"])
def test_every_row_is_in_one_part_and_sizes_are_those_of_any_seed(name):
    dataset = registry.load("data", name)()
    sizes = set()
    for seed in range(20):
        rows = parts(dataset, seed)
        assert sorted(np.concatenate(rows)) == list(range(len(dataset.features)))
        sizes.add(tuple(map(len, rows)))
    assert len(sizes) == 1


def test_the_seed_decides():
    dataset = registry.load("data", "diabetes")()
    assert all((a == b).all() for a, b in zip(parts(dataset, 3), parts(dataset, 3), strict=True))
    assert not (parts(dataset, 3)[0] == parts(dataset, 4)[0]).all()


def test_strata_keep_their_shares():
    dataset = registry.load("data", "breast_cancer")()
    share = dataset.target.values.mean()
    for rows in parts(dataset, 0):
        assert abs(dataset.target.values[rows].mean() - share) < 0.01  # a row in a hundred
    loose = [
        abs(dataset.target.values[parts(dataset, s, stratify=False)[2]].mean() - share) for s in range(20)
    ]
    assert max(loose) > 0.02


def test_the_global_generator_is_not_drawn_from():
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    parts(registry.load("data", "digits")(), 1)
    assert (np.random.get_state()[1] == before).all()


def tiny(targets):
    targets = np.array(targets)
    only = Target("y", targets, tasks.BINARY, ("y",), ("no", "yes"))
    return Dataset(np.zeros((len(targets), 1)), ("a",), (only,))


def test_too_few_rows_and_too_rare_classes_are_named():
    with pytest.raises(UserError, match="at least 2"):
        parts(tiny([0, 1, 0, 1]), 0)
    with pytest.raises(UserError, match=r"class 'yes' has 1 row.*data\.stratify=false"):
        parts(tiny([0] * 30 + [1]), 0)
    assert sum(map(len, parts(tiny([0] * 30 + [1]), 0, stratify=False))) == 31
