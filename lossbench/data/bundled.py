"""Real data sets that scikit-learn carries: nothing is downloaded."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.neighbors import KNeighborsClassifier

from lossbench.data.dataset import Dataset, Target, Task


def diabetes() -> Dataset:
    """Disease progression of 442 patients from 10 measurements (Efron et al. 2004): regression.

    >>> diabetes().features.shape
    (442, 10)
    """
    bunch = datasets.load_diabetes(scaled=False)
    return _single(np.asarray(bunch.data), bunch.feature_names, bunch.target, "regression", ["progression"])


def petals() -> Dataset:
    """Length in cm of 150 iris petals from their width and their sepals' (Fisher 1936): positive.

    >>> petals().target.values.min() > 0
    np.True_
    """
    table = np.asarray(datasets.load_iris().data, dtype=np.float64)
    features = ("sepal length", "sepal width", "petal width")
    return _single(table[:, [0, 1, 3]], features, table[:, 2], "positive", ["petal length"])


def ink() -> Dataset:
    """How many of the 32 pixels in a digit's right half are inked, from its left half: counts.

    >>> ink().target.values[:3, 0]
    array([13., 10., 14.])
    """
    left, right = _halves(axis=2)
    counts = (right >= 8).sum(1, keepdims=True).astype(np.float64)  # half of the darkest
    return _single(left, _pixels(left), counts, "count", ["inked pixels"])


def breast_cancer() -> Dataset:
    """Malignant (0) or benign (1), 569 tumours, 30 measurements (Wolberg et al. 1995): binary.

    >>> breast_cancer().target.classes
    ('malignant', 'benign')
    """
    bunch = datasets.load_breast_cancer()
    return _classification(bunch, "binary", "diagnosis")


def digits() -> Dataset:
    """Handwritten digits, 1,797 images of 8 x 8 pixels (Alpaydin and Kaynak 1998): ten classes.

    >>> len(digits().target.classes)
    10
    """
    return _classification(datasets.load_digits(), "multiclass", "digit")


def digits_distilled() -> Dataset:
    """The digits with a teacher's beliefs for targets: the shares among 10 neighbours: distributions.

    >>> bool((abs(digits_distilled().target.values.sum(1) - 1) < 1e-12).all())
    True
    """
    hard = digits()
    teacher = KNeighborsClassifier(n_neighbors=10).fit(hard.features, hard.target.values)
    beliefs = np.asarray(teacher.predict_proba(hard.features), dtype=np.float64)
    classes = hard.target.classes
    return _single(hard.features, hard.feature_names, beliefs, "distribution", ["belief"], classes)


def digit_halves() -> Dataset:
    """A digit's lower half, 32 pixels, from its upper one: vectors.

    >>> digit_halves().target.values.shape
    (1797, 32)
    """
    upper, lower = _halves(axis=1)
    below = [f"lower {name}" for name in _pixels(lower)]
    return _single(upper, _pixels(upper), lower, "vector", below, name="lower half")


def digit_masks() -> Dataset:
    """Which of the 32 pixels in a digit's lower half are inked, from its upper half: masks.

    >>> sorted(set(digit_masks().target.values.ravel()))
    [np.float64(0.0), np.float64(1.0)]
    """
    halves = digit_halves()
    inked = halves.target.values >= 8  # half of the darkest
    names = halves.target.columns
    return _single(halves.features, halves.feature_names, inked, "mask", names, name="lower half")


def digit_pairs() -> Dataset:
    """Two digits side by side: the same or not? 898 pairs, no image in two of them: pairs.

    >>> digit_pairs().features.shape, digit_pairs().target.values.mean().round(2)
    ((898, 2, 64), np.float64(0.5))
    """
    whole = digits()
    couples, rest = _couples(whole.target.values, share=0.5)
    half = len(rest) // 2
    random = np.random.RandomState(0)
    rest = random.permutation(rest)
    different = np.column_stack([rest[:half], _of_other_classes(rest[:half], rest[half:], whole, random)])
    members = np.concatenate([couples, different])
    same = np.repeat([1.0, 0.0], [len(couples), len(different)])
    return _single(whole.features[members], whole.feature_names, same, "pair", ["same"])


def digit_triplets() -> Dataset:
    """Three digits: is the second or the third the same as the first? No image in two of them: triplets.

    >>> digit_triplets().features.shape
    (596, 3, 64)
    """
    whole = digits()
    couples, rest = _couples(whole.target.values, share=2 / 3)
    random = np.random.RandomState(0)
    couples = random.permutation(couples)[: len(rest)]
    members = np.column_stack([couples, _of_other_classes(couples[:, 0], rest, whole, random)])
    swapped = np.arange(len(members)) % 2 == 1
    members[swapped] = members[swapped][:, [0, 2, 1]]
    nearer = 1.0 - swapped
    return _single(whole.features[members], whole.feature_names, nearer, "triplet", ["second"])


def wine() -> Dataset:
    """Cultivar (one of three) and alcohol of 178 wines from 12 measurements: two targets.

    >>> [(target.name, target.task) for target in wine().targets]
    [('cultivar', 'multiclass'), ('alcohol', 'regression')]
    """
    bunch = datasets.load_wine()
    table, names = np.asarray(bunch.data, dtype=np.float64), [str(name) for name in bunch.feature_names]
    alcohol = names.index("alcohol")
    labels = tuple(map(str, bunch.target_names))
    cultivar = np.asarray(bunch.target, dtype=np.int64)
    return Dataset(
        np.delete(table, alcohol, axis=1),
        tuple(name for name in names if name != "alcohol"),
        (
            Target("cultivar", cultivar, "multiclass", ("cultivar",), labels),
            Target("alcohol", table[:, [alcohol]], "regression", ("alcohol",)),
        ),
    )


def synthetic_outputs() -> Dataset:
    """1,000 rows of 100 normal features, a class of ten and a number that both follow from them: two targets.

    Made from a fixed seed, as the two-headed example of the documents, which names sizes but no data.

    >>> synthetic_outputs().features.shape
    (1000, 100)
    """
    random = np.random.RandomState(0)
    features = random.normal(size=(1000, 100))
    classes = (features @ random.normal(size=(100, 10)) + random.normal(size=(1000, 10))).argmax(1)
    number = features @ random.normal(size=(100, 1)) / 10 + random.normal(size=(1000, 1)) / 2
    labels = tuple(map(str, range(10)))
    return Dataset(
        features,
        tuple(f"x{i}" for i in range(100)),
        (
            Target("classification", classes.astype(np.int64), "multiclass", ("classification",), labels),
            Target("regression", number, "regression", ("regression",)),
        ),
    )


def ten_coin_flips() -> Dataset:
    """Ten rows of four uniform features and a coin's flip, from a fixed seed: the documents' first example.

    >>> ten_coin_flips().features.shape
    (10, 4)
    """
    random = np.random.RandomState(0)
    features, flips = random.random(size=(10, 4)), random.permutation([0, 1] * 5)
    return _single(features, [f"x{i}" for i in range(4)], flips, "binary", ["heads"], ["no", "yes"])


def _couples(classes: NDArray[Any], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows two by two of one class, from a share of each class, and the rows left, by class."""
    couples, rest = [], []
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        taken = int(len(rows) * share) // 2 * 2
        couples.append(rows[:taken].reshape(-1, 2))
        rest.append(rows[taken:])
    return np.concatenate(couples), np.concatenate(rest)


def _of_other_classes(
    rows: NDArray[np.int64], others: NDArray[np.int64], whole: Dataset, random: np.random.RandomState
) -> NDArray[np.int64]:
    """For each row one of the others, each used once, whose class is another: any other."""
    classes = whole.target.values
    others = random.permutation(others)
    while (same := np.flatnonzero(classes[rows] == classes[others[: len(rows)]])).size:
        moved = np.concatenate([same, random.choice(len(others), len(same) + 1, replace=False)])
        moved = np.unique(moved)
        others[moved] = others[random.permutation(moved)]
    return others[: len(rows)]


def _halves(axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    images = np.asarray(datasets.load_digits().images, dtype=np.float64)
    first, second = np.split(images, 2, axis=axis)
    return first.reshape(len(images), -1), second.reshape(len(images), -1)


def _pixels(half: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(f"pixel {i}" for i in range(half.shape[1]))


def _classification(bunch: Any, task: Task, name: str) -> Dataset:
    return _single(bunch.data, bunch.feature_names, bunch.target, task, [name], bunch.target_names)


def _single(
    features: Any,
    feature_names: Sequence[str],
    target: Any,
    task: Task,
    columns: Sequence[str],
    classes: Sequence[Any] = (),
    name: str = "",
) -> Dataset:
    """A data set with one target, called as its column is."""
    values = np.asarray(target)
    if task not in ("binary", "multiclass"):
        values = values.reshape(len(values), -1)
    kind = np.float64 if values.ndim == 2 else np.int64
    labels = tuple(map(str, classes))
    canonical: Any = values.astype(kind)
    only = Target(name or columns[0], canonical, task, tuple(columns), labels)
    return Dataset(np.asarray(features, dtype=np.float64), tuple(map(str, feature_names)), (only,))
