"""Targets in every encoding."""

import numpy as np
import pytest

from lossbench import registry, tasks
from lossbench.data.dataset import Target
from lossbench.data.encoding import encode_targets
from lossbench.tasks import ENCODINGS

THREE = Target("y", np.array([2, 0, 1]), tasks.MULTICLASS, ("y",), ("a", "b", "c"))
TWO = Target("y", np.array([1, 0]), tasks.BINARY, ("y",), ("no", "yes"))


@pytest.mark.parametrize(
    ("target", "encoding", "expected"),
    [
        (THREE, "index", [[2], [0], [1]]),
        (THREE, "onehot", [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        (THREE, "distribution", [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        (TWO, "binary", [[1], [0]]),
        (TWO, "sign", [[1], [-1]]),
    ],
)
def test_classes_in_each_encoding(target, encoding, expected):
    got = encode_targets(target.values, target, ENCODINGS[encoding])
    assert (got.tolist(), got.dtype) == (expected, np.float64)


def test_each_replicate_may_have_its_own_values():
    values = np.array([[2, 0, 1], [0, 0, 0]])
    got = encode_targets(values, THREE, ENCODINGS["onehot"])
    assert got.shape == (2, 3, 3)
    assert (got.argmax(-1) == values).all()


@pytest.mark.parametrize("encoding", ["real", "positive", "vector", "distribution"])
def test_numbers_stay_as_they_are(encoding):
    target = registry.load("data", "petals")().target
    assert encode_targets(target.values, target, ENCODINGS[encoding]) is target.values
