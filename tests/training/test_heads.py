"""A loss that reads several numbers per target trains, is evaluated, recorded and rebuilt like any other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.runs.run import run


def gaussian(y_pred, y_true):
    """The negative log-likelihood of a mean and a log-variance, ``(..., U, 2)`` against ``(..., U)``."""
    mean, log_variance = y_pred.unbind(-1)
    return ((y_true - mean).square() * (-log_variance).exp() + log_variance).mean(-1) / 2


@pytest.fixture
def config():
    values = plain(
        compose_config("data=diabetes", "replicates=2", "trainer.max_epochs=30", "optimizer.lr=0.01")
    )
    config = resolve(values)
    (output,) = config.outputs
    terms = (replace(output.terms[0], function=gaussian, parameters={}),)
    output = replace(output, numbers=2, point=0, terms=terms)
    return replace(config, outputs=(output,), primary=replace(config.primary, output=output))


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
