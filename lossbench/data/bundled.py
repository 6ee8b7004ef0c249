"""Real data sets that scikit-learn carries: nothing is downloaded."""

from typing import Any

import numpy as np
from sklearn import datasets

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


def _classification(bunch: Any, task: Any, target_name: str) -> Dataset:
    return Dataset(
        features=np.asarray(bunch.data, dtype=np.float64),
        targets=np.asarray(bunch.target, dtype=np.int64),
        task=task,
        feature_names=tuple(map(str, bunch.feature_names)),
        target_names=(target_name,),
        classes=tuple(map(str, bunch.target_names)),
    )
