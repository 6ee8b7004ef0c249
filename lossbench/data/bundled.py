"""Real data sets that ship with scikit-learn, and two made from a seed: nothing is downloaded."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossbench import tasks
from lossbench.data import scikit_learn_files
from lossbench.data.dataset import Dataset, Target
from lossbench.data.scikit_learn_files import Floats
from lossbench.tasks import Task

_DARK = 8  # half of the darkest value of a pixel: from here on it is inked


def diabetes() -> Dataset:
    """Load 10 measurements and the disease progression of 442 patients (Efron et al. 2004). Task: regression.

    >>> diabetes().features.shape
    (442, 10)
    """
    return _last_column("diabetes", tasks.REGRESSION)


def petals() -> Dataset:
    """Load 150 irises, to predict the petal length in cm (Fisher 1936). Task: positive.

    The features are the petal width and the length and width of the sepals.

    >>> petals().target.values.min() > 0
    np.True_
    """
    _, table = scikit_learn_files.read("iris")
    names = ("sepal length", "sepal width", "petal width")
    return _single(table[:, [0, 1, 3]], names, table[:, 2], tasks.POSITIVE, ["petal length"])


def ink() -> Dataset:
    """Load the left halves of digits, to predict how many of the 32 right pixels are inked. Task: count.

    >>> ink().target.values[:3, 0]
    array([13., 10., 14.])
    """
    left, right = _halves(axis=2)
    counts = (right >= _DARK).sum(1, keepdims=True)
    return _single(left, _pixels(left), counts, tasks.COUNT, ["inked pixels"])


def breast_cancer() -> Dataset:
    """Load 30 measurements of 569 tumours, malignant (0) or benign (1) (Wolberg et al. 1995). Task: binary.

    >>> breast_cancer().target.classes
    ('malignant', 'benign')
    """
    return _last_column("breast_cancer", tasks.BINARY, ["malignant", "benign"])


def digits() -> Dataset:
    """Load 1,797 images of handwritten digits, 8 x 8 pixels (Alpaydin and Kaynak 1998). Task: multiclass.

    >>> len(digits().target.classes)
    10
    """
    return _last_column("digits", tasks.MULTICLASS, range(10))


def digits_distilled() -> Dataset:
    """Load the digits; the targets are class shares among the 10 nearest neighbours. Task: distribution.

    These shares are the predictions of a teacher. Of neighbours at the same distance, the earlier row counts,
    so that the targets are the same on every machine.

    >>> bool((abs(digits_distilled().target.values.sum(1) - 1) < 1e-12).all())
    True
    """
    hard = digits()
    pixels, labels = hard.features, hard.target.values.astype(np.int64)
    lengths = (pixels * pixels).sum(1)
    distances = lengths[:, None] + lengths - 2 * pixels @ pixels.T  # exact: pixels are whole numbers
    nearest = distances.argsort(axis=1, kind="stable")[:, :10]
    shares = np.eye(len(hard.target.classes))[labels[nearest]].mean(1)
    return _single(pixels, hard.feature_names, shares, tasks.DISTRIBUTION, ["belief"], hard.target.classes)


def digit_halves() -> Dataset:
    """Load the upper halves of digits, to predict the 32 pixels of the lower halves. Task: vector.

    >>> digit_halves().target.values.shape
    (1797, 32)
    """
    upper, lower = _halves(axis=1)
    columns = [f"lower {name}" for name in _pixels(lower)]
    return _single(upper, _pixels(upper), lower, tasks.VECTOR, columns, name="lower half")


def digit_masks() -> Dataset:
    """Load the upper halves of digits, to predict which of the 32 lower pixels are inked. Task: mask.

    >>> sorted(set(digit_masks().target.values.ravel()))
    [np.float64(0.0), np.float64(1.0)]
    """
    halves = digit_halves()
    inked, columns = halves.target.values >= _DARK, halves.target.columns
    return _single(halves.features, halves.feature_names, inked, tasks.MASK, columns, name="lower half")


def digit_pairs() -> Dataset:
    """Load 898 pairs of digits, to predict whether both show the same digit. Task: pair.

    No image is in two pairs.

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
    return _single(whole.features[members], whole.feature_names, same, tasks.PAIR, ["same"])


def digit_triplets() -> Dataset:
    """Load triplets of digits, to predict which of the last two matches the first. Task: triplet.

    No image is in two triplets.

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
    return _single(whole.features[members], whole.feature_names, 1.0 - swapped, tasks.TRIPLET, ["second"])


def wine() -> Dataset:
    """Load 12 measurements of 178 wines, to predict cultivar (one of three) and alcohol: two targets.

    >>> [(target.name, str(target.task)) for target in wine().targets]
    [('cultivar', 'multiclass'), ('alcohol', 'regression')]
    """
    (*names, _), table = scikit_learn_files.read("wine")
    alcohol = names.index("alcohol")
    return Dataset(
        np.delete(table[:, :-1], alcohol, axis=1),
        tuple(name for name in names if name != "alcohol"),
        (
            _target(table[:, -1], tasks.MULTICLASS, ["cultivar"], [f"class_{i}" for i in range(3)]),
            _target(table[:, alcohol], tasks.REGRESSION, ["alcohol"]),
        ),
    )


def synthetic_outputs() -> Dataset:
    """Generate 1,000 rows of 100 normal features, with one of ten classes and a number: two targets.

    The targets follow from the features, and the seed is fixed. The sizes are those of the example with two
    outputs in the documents, which has no data.

    >>> synthetic_outputs().features.shape
    (1000, 100)
    """
    random = np.random.RandomState(0)
    features = random.normal(size=(1000, 100))
    classes = (features @ random.normal(size=(100, 10)) + random.normal(size=(1000, 10))).argmax(1)
    number = features @ random.normal(size=(100, 1)) / 10 + random.normal(size=(1000, 1)) / 2
    return Dataset(
        features,
        tuple(f"x{i}" for i in range(100)),
        (
            _target(classes, tasks.MULTICLASS, ["classification"], range(10)),
            _target(number, tasks.REGRESSION, [tasks.REGRESSION.name]),  # the documents call it so
        ),
    )


def ten_coin_flips() -> Dataset:
    """Generate ten rows of four uniform features and a coin flip. Task: binary.

    The seed is fixed. The documents use such data in their first example.

    >>> ten_coin_flips().features.shape
    (10, 4)
    """
    random = np.random.RandomState(0)
    features, flips = random.random(size=(10, 4)), random.permutation([0, 1] * 5)
    return _single(features, [f"x{i}" for i in range(4)], flips, tasks.BINARY, ["heads"], ["no", "yes"])


def _couples(classes: NDArray[Any], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of rows of the same class, from a share of each class, and the other rows, by class."""
    couples, rest = [], []
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        count = int(len(rows) * share) // 2 * 2
        couples.append(rows[:count].reshape(-1, 2))
        rest.append(rows[count:])
    return np.concatenate(couples), np.concatenate(rest)


def _of_other_classes(
    rows: NDArray[np.int64], others: NDArray[np.int64], whole: Dataset, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Return for each row one of the others, of a different class; each of the others is used once."""
    classes = whole.target.values
    others = random.permutation(others)
    while (same := np.flatnonzero(classes[rows] == classes[others[: len(rows)]])).size:
        moved = np.concatenate([same, random.choice(len(others), len(same) + 1, replace=False)])
        moved = np.unique(moved)
        others[moved] = others[random.permutation(moved)]
    return others[: len(rows)]


def _halves(axis: int) -> tuple[Floats, Floats]:
    images = digits().features.reshape(-1, 8, 8)
    first, second = np.split(images, 2, axis=axis)
    return first.reshape(len(images), -1), second.reshape(len(images), -1)


def _pixels(half: Floats) -> tuple[str, ...]:
    return tuple(f"pixel {i}" for i in range(half.shape[1]))


def _last_column(file: str, task: Task, classes: Sequence[Any] = ()) -> Dataset:
    """Return a bundled file as a data set whose target is the last column."""
    (*names, target), table = scikit_learn_files.read(file)
    return _single(np.ascontiguousarray(table[:, :-1]), names, table[:, -1], task, [target], classes)


def _single(
    features: Floats,
    feature_names: Sequence[str],
    values: NDArray[Any],
    task: Task,
    columns: Sequence[str],
    classes: Sequence[Any] = (),
    name: str = "",
) -> Dataset:
    """Return a data set with a single target."""
    return Dataset(features, tuple(feature_names), (_target(values, task, columns, classes, name),))


def _target(
    values: NDArray[Any], task: Task, columns: Sequence[str], classes: Sequence[Any] = (), name: str = ""
) -> Target:
    """Return a target in canonical form; its name is that of its first column if none is given."""
    canonical = (
        values.astype(np.int64) if task.has_classes else values.reshape(len(values), -1).astype(np.float64)
    )
    return Target(name or columns[0], canonical, task, tuple(columns), tuple(map(str, classes)))
