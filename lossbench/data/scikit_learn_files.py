"""Read the data files of scikit-learn without importing it: the import takes as long as a short run."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MEASUREMENTS = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
)
# scikit-learn has these names in its code alone; tests/data/test_bundled.py compares them
_NAMES = {
    "breast_cancer": [
        *(f"mean {name}" for name in _MEASUREMENTS),
        *(f"{name} error" for name in _MEASUREMENTS),
        *(f"worst {name}" for name in _MEASUREMENTS),
        "diagnosis",
    ],
    "diabetes": ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6", "progression"],
    "digits": [*(f"pixel_{row}_{column}" for row in range(8) for column in range(8)), "digit"],
    "iris": ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)", "species"],
    "wine": [
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
        *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
        *("od280/od315_of_diluted_wines", "proline", "cultivar"),
    ],
}


def read(name: str) -> tuple[list[str], Floats]:
    """Return the column names and the numbers of a data set; the target is the last column.

    >>> names, table = read("iris")
    >>> len(names), table.shape
    (5, (150, 5))
    """
    if name == "diabetes":
        parts = [_numbers(f"diabetes_{part}.csv.gz") for part in ("data_raw", "target")]
        return _NAMES[name], np.column_stack(parts)
    if name == "digits":
        return _NAMES[name], _numbers("digits.csv.gz", delimiter=",")
    file = {"breast_cancer": "breast_cancer.csv", "iris": "iris.csv", "wine": "wine_data.csv"}[name]
    return _NAMES[name], _numbers(file, delimiter=",", skiprows=1)  # a line of sizes and class names


def _numbers(file: str, *, delimiter: str | None = None, skiprows: int = 0) -> Floats:
    package = find_spec("sklearn")  # finds the package without importing it
    assert package is not None, "scikit-learn is a dependency"
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / file
    return np.loadtxt(path, delimiter=delimiter, skiprows=skiprows)
