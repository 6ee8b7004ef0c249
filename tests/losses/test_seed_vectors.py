"""The examples of the founding documents as numbers (Keras 3.15.1, float32, given to seven digits)."""

import json
from pathlib import Path

import pytest
import torch

from lossbench import losses, registry
from lossbench.losses import documents

VECTORS = json.loads((Path(__file__).parent.parent / "seed_vectors.json").read_text())["vectors"]
KNOWN = [
    v for v in VECTORS if registry.canonical_loss(v.get("loss", "")) and "form" not in v.get("params", {})
]
TOLERANCE = {"rtol": 0, "atol": 6e-7}  # half a unit of the seventh digit, and rounding of float32


def tensors(vector):
    return torch.tensor(vector["y_pred"], dtype=torch.float32), torch.tensor(vector["y_true"])


@pytest.mark.parametrize("vector", [v for v in KNOWN if "value" in v], ids=lambda v: v["id"])
def test_a_loss_has_the_value_of_the_vector(vector):
    got = losses.get(vector["loss"], **vector.get("params", {}))(*tensors(vector))
    torch.testing.assert_close(got, torch.tensor(vector["value"]), **TOLERANCE)


@pytest.mark.parametrize("vector", [v for v in KNOWN if v["id"] == "C.reductions"], ids=lambda v: v["id"])
def test_every_reduction_has_the_value_of_the_vector(vector):
    cases = {
        None: vector,
        (1.0, 2.0, 0.0): vector["sample_weight_1_2_0"],
        (0.0,) * 3: vector["sample_weight_zeros"],
    }
    for weights, expected in cases.items():
        weight = None if weights is None else torch.tensor(weights)
        for reduction in ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"):
            if reduction in expected:
                got = losses.get("mse", reduction=reduction)(*tensors(vector), weight)
                torch.testing.assert_close(got, torch.tensor(expected[reduction]), **TOLERANCE)


def test_an_ignored_class_has_the_values_of_the_vector():
    (vector,) = (v for v in KNOWN if v["id"] == "x.scce_ignore2")
    loss = losses.get("scce", ignore_class=2, reduction="sum")
    torch.testing.assert_close(loss(*tensors(vector)), torch.tensor(vector["sum"]), **TOLERANCE)
    weighted = losses.get("scce", ignore_class=2)(*tensors(vector), [1.0, 3.0, 5.0])
    torch.testing.assert_close(weighted, torch.tensor(vector["sample_weight_1_3_5"]), **TOLERANCE)


def test_the_loss_of_a_wholly_ignored_batch_is_0():
    loss = losses.get("scce", ignore_class=0)
    assert loss(torch.full((2, 3), 1 / 3), torch.zeros(2, dtype=torch.int64)) == 0


AS_WRITTEN = {"S1.focal_as_written": documents.FocalLoss, "S2.focal_as_written": documents.FocalLossSum}


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["id"] in AS_WRITTEN], ids=lambda v: v["id"])
def test_the_focal_losses_of_the_documents_have_the_value_of_the_vector(vector):
    parameters = {key: value for key, value in vector["params"].items() if key != "form"}
    got = AS_WRITTEN[vector["id"]](**parameters)(*tensors(vector))
    torch.testing.assert_close(got, torch.tensor(vector["value"]), **TOLERANCE)
