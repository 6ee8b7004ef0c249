"""Real data sets that scikit-learn carries: nothing is downloaded."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.neighbors import KNeighborsClassifier

from lossbench.data.dataset import Dataset


def diabetes() -> Dataset:
    """Disease progression of 442 patients from 10 measurements (Efron et al. 2004): regression.

    >>> diabetes().features.shape
    (442, 10)
    """
    bunch = datasets.load_diabetes(scaled=False)
    return Dataset(
        features=np.asarray(bunch.data, dtype=np.float64),
        targets=np.asarray(bunch.target, dtype=np.float64)[:, None],
        task="regression",
        feature_names=tuple(bunch.feature_names),
        target_names=("progression",),
    )


def petals() -> Dataset:
    """Length in cm of 150 iris petals from their width and their sepals' (Fisher 1936): positive.

    >>> petals().targets.min() > 0
    np.True_
    """
    table = np.asarray(datasets.load_iris().data, dtype=np.float64)
    features = ("sepal length", "sepal width", "petal width")
    return Dataset(table[:, [0, 1, 3]], table[:, [2]], "positive", features, ("petal length",))


def ink() -> Dataset:
    """How many of the 32 pixels in a digit's right half are inked, from its left half: counts.

    >>> ink().targets[:3, 0]
    array([13., 10., 14.])
    """
    left, right = _halves(axis=2)
    counts = (right >= 8).sum(1, keepdims=True).astype(np.float64)  # half of the darkest
    return Dataset(left, counts, "count", _pixels(left), ("inked pixels",))


def breast_cancer() -> Dataset:
    """Malignant (0) or benign (1), 569 tumours, 30 measurements (Wolberg et al. 1995): binary.

    >>> breast_cancer().classes
    ('malignant', 'benign')
    """
    bunch = datasets.load_breast_cancer()
    return _classification(bunch, "binary", "diagnosis")


def digits() -> Dataset:
    """Handwritten digits, 1,797 images of 8 x 8 pixels (Alpaydin and Kaynak 1998): ten classes.

    >>> len(digits().classes)
    10
    """
    return _classification(datasets.load_digits(), "multiclass", "digit")


def digits_distilled() -> Dataset:
    """The digits with a teacher's beliefs for targets: the shares among 10 neighbours: distributions.

    >>> bool((abs(digits_distilled().targets.sum(1) - 1) < 1e-12).all())
    True
    """
    hard = digits()
    teacher = KNeighborsClassifier(n_neighbors=10).fit(hard.features, hard.targets)
    beliefs = np.asarray(teacher.predict_proba(hard.features), dtype=np.float64)
    return Dataset(hard.features, beliefs, "distribution", hard.feature_names, ("belief",), hard.classes)


def digit_halves() -> Dataset:
    """A digit's lower half, 32 pixels, from its upper one: vectors.

    >>> digit_halves().targets.shape
    (1797, 32)
    """
    upper, lower = _halves(axis=1)
    return Dataset(upper, lower, "vector", _pixels(upper), tuple(f"lower {name}" for name in _pixels(lower)))


def digit_masks() -> Dataset:
    """Which of the 32 pixels in a digit's lower half are inked, from its upper half: masks.

    >>> sorted(set(digit_masks().targets.ravel()))
    [np.float64(0.0), np.float64(1.0)]
    """
    halves = digit_halves()
    inked = (halves.targets >= 8).astype(np.float64)  # half of the darkest
    return Dataset(halves.features, inked, "mask", halves.feature_names, halves.target_names)


def digit_pairs() -> Dataset:
    """Two digits side by side: the same or not? 898 pairs, no image in two of them: pairs.

    >>> digit_pairs().features.shape, digit_pairs().targets.mean().round(2)
    ((898, 2, 64), np.float64(0.5))
    """
    whole = digits()
    couples, rest = _couples(whole.targets, share=0.5)
    half = len(rest) // 2
    different = np.stack([rest[:half], rest[half : 2 * half]], axis=1)  # half of all classes lie between
    members = np.concatenate([couples, different])
    same = np.repeat([1.0, 0.0], [len(couples), len(different)])
    return Dataset(whole.features[members], same[:, None], "pair", whole.feature_names, ("same",))


def digit_triplets() -> Dataset:
    """Three digits: is the second or the third the same as the first? No image in two of them: triplets.

    >>> digit_triplets().features.shape
    (596, 3, 64)
    """
    whole = digits()
    couples, rest = _couples(whole.targets, share=2 / 3)
    other = np.roll(rest, len(rest) // 2)[: len(couples)]  # half of all classes away
    couples = couples[: len(other)]
    members = np.column_stack([couples, other])
    swapped = np.arange(len(members)) % 2 == 1
    members[swapped] = members[swapped][:, [0, 2, 1]]
    nearer = 1.0 - swapped
    return Dataset(whole.features[members], nearer[:, None], "triplet", whole.feature_names, ("second",))


def _couples(classes: NDArray[Any], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows two by two of one class, from a share of each class, and the rows left, by class."""
    couples, rest = [], []
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        taken = int(len(rows) * share) // 2 * 2
        couples.append(rows[:taken].reshape(-1, 2))
        rest.append(rows[taken:])
    return np.concatenate(couples), np.concatenate(rest)


def _halves(axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    images = np.asarray(datasets.load_digits().images, dtype=np.float64)
    first, second = np.split(images, 2, axis=axis)
    return first.reshape(len(images), -1), second.reshape(len(images), -1)


def _pixels(half: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(f"pixel {i}" for i in range(half.shape[1]))


def _classification(bunch: Any, task: Any, target_name: str) -> Dataset:
    return Dataset(
        features=np.asarray(bunch.data, dtype=np.float64),
        targets=np.asarray(bunch.target, dtype=np.int64),
        task=task,
        feature_names=tuple(map(str, bunch.feature_names)),
        target_names=(target_name,),
        classes=tuple(map(str, bunch.target_names)),
    )
