"""A loss that reads several numbers per target trains, is evaluated, recorded and rebuilt like any other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.runs.run import run
from lossbench.training.network import Head, dense
from lossbench.training.standalone import build, describe


def gaussian(y_pred, y_true):
    """The negative log-likelihood of a mean and a log-variance, ``(..., U, 2)`` against ``(..., U)``."""
    mean, log_variance = y_pred.unbind(-1)
    return ((y_true - mean).square() * (-log_variance).exp() + log_variance).mean(-1) / 2


def quantile(y_pred, y_true):
    """The median's pinball loss of a list of one level, ``(..., U, 1)`` against ``(..., U)``."""
    error = y_true.unsqueeze(-1) - y_pred
    return (0.5 * error.abs()).mean((-2, -1))


@pytest.fixture
def config():
    values = plain(
        compose_config("data=diabetes", "replicates=2", "trainer.max_epochs=30", "optimizer.lr=0.01")
    )
    config = resolve(values)
    (output,) = config.outputs
    terms = (replace(output.terms[0], function=gaussian, parameters={}),)
    output = replace(output, numbers=2, point=0, terms=terms)
    return replace(config, outputs=(output,))


def test_a_mean_and_a_scale_are_learned_and_the_mean_is_the_point_prediction(config, tmp_path):
    result = run(config, tmp_path, "0", command=[])
    assert result.status == "completed"
    assert min(result.metrics["test/r2"]) > 0.2
    dataset, predictions = config.data.load(), result.predictions
    for replicate in range(2):
        rows = predictions[predictions["replicate"] == replicate]
        network = result.network(replicate)
        with torch.no_grad():
            given = network(torch.tensor(dataset.features[rows["row"]], dtype=torch.float32))
        assert given.shape == (len(rows), 1)
        np.testing.assert_allclose(given[:, 0], rows["prediction"], rtol=1e-4)


def test_a_list_of_one_number_keeps_its_axis(config, tmp_path):
    (output,) = config.outputs
    output = replace(output, numbers=1, terms=(replace(output.terms[0], function=quantile),))
    config = replace(config, outputs=(output,))
    result = run(config, tmp_path, "0", command=[])
    assert min(result.metrics["test/r2"]) > 0.2


def test_several_targets_are_given_back_in_their_own_units():
    head = Head(2, "linear", numbers=2, point=0)
    network = dense(3, {"y": head}, lambda purpose: [torch.Generator()], torch.float32, hidden_units=[])
    arrays = {f"heads.y.{name}": value.detach() for name, value in network.heads[0].named_parameters()}
    ones, zeros = torch.ones(1, 1, 3), torch.zeros(1, 1, 3)
    arrays |= {"features.scale": ones, "features.mean": zeros}
    scale, mean = torch.tensor([[[2.0, 30.0]]]), torch.tensor([[[5.0, -7.0]]])
    arrays |= {"targets.scale": scale, "targets.mean": mean}
    alone = build(describe(network, {"y": "targets"}), arrays, 0, "y")
    x = torch.randn(4, 3)
    expected = network(x[None])["y"][0, ..., 0] * scale[0] + mean[0]
    torch.testing.assert_close(alone(x), expected)
