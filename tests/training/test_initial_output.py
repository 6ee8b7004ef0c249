"""Every network starts from the best constant of its training part, or from the shares of the classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

import lossbench
from lossbench import registry
from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.runs.run import prepare


def prepared(*overrides):
    config = resolve(plain(compose_config("trainer.precision=64-true", "replicates=2", *overrides)))
    dataset = config.data.load()
    splits, module, _ = prepare(config, dataset)
    return config, dataset, splits, module


def start_of(loss):
    (output,) = resolve(plain(compose_config(f"loss={loss}"))).outputs
    return output.start


STARTS = {name: start_of(name) for name in registry.losses()}


def training_loss(module):
    """Return the loss on the training part, ``(R,)``."""
    return module.evaluate("train")[2][0]


@pytest.mark.parametrize("name", [name for name, start in STARTS.items() if start == "best_constant"])
def test_no_other_constant_has_a_lower_loss(name):
    """SciPy searches over all constants, for each replicate alone; the networks predict nothing else."""
    _, _, _, module = prepared(f"loss={name}")
    (head,) = module.network.heads
    assert not head.weight.any()
    ours, bias = training_loss(module), head.bias.detach().clone()
    for replicate in range(2):

        def loss_at(constant, replicate=replicate):
            with torch.no_grad():
                head.bias[replicate] = constant
            return training_loss(module)[replicate]

        start = bias[replicate].item()
        for width in (0.1, 3.0):
            best = minimize_scalar(loss_at, bounds=(start - width, start + width), method="bounded").fun
            assert ours[replicate] <= best + 1e-6 * abs(best)  # 24 halvings of the interval


def means(y):
    return y.mean(), y.mean()


def medians(y):
    """Of an even number of rows every number between the two in the middle is a median."""
    return [np.quantile(y, 0.5, method=method) for method in ("lower", "higher")]


@pytest.mark.parametrize(("loss", "statistic"), [("mse", means), ("mae", medians)])
def test_predictions_are_the_statistic_that_the_loss_asks_for(loss, statistic):
    _, dataset, splits, module = prepared(f"loss={loss}")
    predictions, targets, _ = module.evaluate("test")
    (term,) = targets
    decoded, _ = module.decode["output"](predictions["output"], targets[term])
    for replicate, split in enumerate(splits):
        lowest, highest = statistic(dataset.target.values[split.train, 0])
        assert (decoded[replicate] >= lowest * (1 - 1e-4)).all()
        assert (decoded[replicate] <= highest * (1 + 1e-4)).all()


@pytest.mark.parametrize("name", [name for name, start in STARTS.items() if start == "priors"])
def test_class_losses_start_from_the_shares_of_the_training_part(name):
    config, dataset, splits, module = prepared(f"loss={name}")
    (output,) = config.outputs
    predictions, targets, _ = module.evaluate("test")
    term = output.target_term
    shares, _ = module.decode["output"](predictions["output"], targets[term])
    values = dataset.target.values
    for replicate, split in enumerate(splits):
        if values.ndim == 1:
            wanted = np.bincount(values[split.train], minlength=len(dataset.target.classes)) / len(
                split.train
            )
            wanted = wanted[1:] if shares.shape[-1] == 1 else wanted
        else:
            wanted = values[split.train].mean(0)
        every_row = np.broadcast_to(wanted, shares[replicate].shape)
        np.testing.assert_allclose(shares[replicate], every_row, rtol=1e-6, atol=1e-3)
        assert (shares[replicate] > 0).all()  # a class without rows is still possible


def test_the_weights_of_rows_count():
    _, dataset, splits, module = prepared("loss=bce", "data.class_weight=balanced")
    predictions, _, _ = module.evaluate("test")
    np.testing.assert_allclose(predictions["output"], 0.5, rtol=1e-9)
    assert abs(dataset.target.values[splits[0].train].mean() - 0.5) > 0.1


def test_logits_start_from_the_same_shares():
    probabilities, logits = (prepared("loss=scce", f"loss.from_logits={flag}")[3] for flag in (False, True))
    shares = probabilities.evaluate("test")[0]["output"]
    np.testing.assert_allclose(
        log_softmax(logits.evaluate("test")[0]["output"].numpy(), -1), shares.log(), rtol=1e-9
    )


def test_a_loss_that_reads_several_numbers_starts_from_all_of_them():
    """The best constants of a normal distribution are the mean and the logarithm of the variance."""

    def gaussian(y_pred, y_true):
        mean, log_variance = y_pred.unbind(-1)
        return ((y_true - mean).square() * (-log_variance).exp() + log_variance).mean(-1) / 2

    config = resolve(
        plain(
            compose_config("data.scale_target=false", "data.scale_output=false", "trainer.precision=64-true")
        )
    )
    (output,) = config.outputs
    terms = (replace(output.terms[0], function=gaussian, parameters={}),)
    config = replace(config, outputs=(replace(output, numbers=2, point=0, terms=terms),))
    dataset = config.data.load()
    (split,), module, _ = prepare(config, dataset)
    y = dataset.target.values[split.train, 0]
    start = module.network.heads[0].bias.detach().flatten().numpy()
    np.testing.assert_allclose(start, [y.mean(), np.log(y.var())], rtol=1e-3)


def test_random_leaves_the_heads_as_they_were_drawn():
    _, _, _, module = prepared("loss=mse", "model.initial_output=random")
    (head,) = module.network.heads
    assert head.weight.abs().min() > 0
    assert not head.bias.any()


def test_losses_of_one_data_set_share_what_is_drawn():
    hidden = [prepared(f"loss={loss}")[3].network.hidden[0].weight for loss in ("mse", "mae")]
    assert torch.equal(*hidden)


def correlation(y_true, y_pred):
    """Undefined for constants: their variance is 0."""
    y, p = y_true - y_true.mean(), y_pred - y_pred.mean()
    return 1 - (y * p).sum() / (y.square().sum() * p.square().sum()).sqrt()


def refusing(y_true, y_pred):
    """Raise an error for constants."""
    if y_pred.std() == 0:
        raise ValueError("constant")
    return (y_true - y_pred).square().mean()


@pytest.mark.parametrize("function", ["correlation", "refusing"])
def test_a_loss_that_cannot_judge_constants_starts_from_what_is_drawn(function, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    result = lossbench.run(
        *("loss=custom", f"loss.function=test_initial_output:{function}", "trainer.max_epochs=20"),
        f"hydra.run.dir={tmp_path}/run",
    )
    assert result.status == "completed"
    assert result.replicates[0].best_epoch > 0


def test_no_head_starts_where_no_gradient_reaches_it(tmp_path):
    """The mean of standardised targets is 0, where a ReLU may have no derivative."""
    result = lossbench.run(
        *("loss=mse", "model.output_activation=relu", "replicates=3", "trainer.max_epochs=20"),
        f"hydra.run.dir={tmp_path}/run",
    )
    assert all(replicate.best_epoch > 0 for replicate in result.replicates)


def test_an_ignored_class_has_no_share():
    _, _, _, module = prepared("loss=scce", "loss.ignore_class=0")
    shares = module.evaluate("test")[0]["output"][0, 0]
    assert shares[0] < 0.001
    assert shares[1:].sum() > 0.999


def test_a_pairwise_loss_is_given_batches():
    """A loss of all pairs of the training part would take minutes before the first step."""
    sizes = []

    def pairwise(y_pred, y_true):
        sizes.append(y_pred.shape[0])
        return (y_pred - y_true).square().mean()

    config = resolve(plain(compose_config("data.batch_size=16")))
    (output,) = config.outputs
    terms = (replace(output.terms[0], function=pairwise, parameters={}, couples_samples=True),)
    prepare(replace(config, outputs=(replace(output, terms=terms),)), config.data.load())
    assert set(sizes) == {16, 266 % 16}
