"""Splits: whole, disjoint, decided by the seed, of equal sizes for every seed."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

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


def by_scikit_learn(dataset, seed, validation, test, classes):
    count, random = len(dataset.features), np.random.RandomState(seed)
    others, tests = train_test_split(
        np.arange(count), test_size=round(count * test), random_state=random, stratify=classes
    )
    train, validates = train_test_split(
        others,
        test_size=round(count * validation),
        random_state=random,
        stratify=None if classes is None else classes[others],
    )
    return [train, validates, tests]


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "digits", "wine"])
@pytest.mark.parametrize("stratify", [True, False])
def test_rows_are_those_of_scikit_learn_in_its_order(name, stratify):
    dataset = registry.load("data", name)()
    target = dataset.targets[0]
    classes = target.values if stratify and target.task.has_classes else None
    for seed, (validation, test) in enumerate([(0.2, 0.2), (0.1, 0.35), (0.33, 0.1)] * 4):
        got = parts(dataset, seed, validation=validation, test=test, stratify=stratify)
        expected = by_scikit_learn(dataset, seed, validation, test, classes)
        assert all(np.array_equal(*pair) for pair in zip(got, expected, strict=True))


def test_classes_with_equal_remainders_are_drawn_as_scikit_learn_draws_them():
    """Five classes of 7 rows: no part can hold the same number of each."""
    labels = np.repeat(range(5), 7)
    target = Target("y", labels, tasks.MULTICLASS, ("y",), tuple("abcde"))
    dataset = Dataset(np.zeros((35, 1)), ("a",), (target,))
    for seed in range(50):
        got = parts(dataset, seed)
        expected = by_scikit_learn(dataset, seed, 0.2, 0.2, labels)
        assert all(np.array_equal(*pair) for pair in zip(got, expected, strict=True))


def test_a_part_smaller_than_the_number_of_classes_is_refused():
    labels = np.repeat(range(10), 3)
    target = Target("y", labels, tasks.MULTICLASS, ("y",), tuple("abcdefghij"))
    with pytest.raises(UserError, match=r"too few to be in every part.*data\.stratify=false"):
        parts(Dataset(np.zeros((30, 1)), ("a",), (target,)), 0)
