"""Training: the loop is the plain loop, clipping and selection are per replicate."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import lossbench
from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.runs.run import fit, prepare
from lossbench.training.build import make_orders
from lossbench.training.early_stopping import WeightSelection
from lossbench.training.lightning_module import clip_per_replicate


def config(*overrides):
    return resolve(plain(compose_config("data=diabetes", "trainer.precision=64-true", *overrides)))


def train(settings):
    """Split, dataset and trained module of one replicate."""
    dataset = settings.data.load()
    splits, module, orders = prepare(settings, dataset)
    fit(settings, module, orders)
    return dataset, splits, module


def layers_of(network):
    return [*network.hidden, *network.heads]


def plain_loop(settings, make_optimizer, criterion, epochs, rate=None):
    """The loop one would write by hand, from the same start, orders and split."""
    dataset, (split,), trained = train(settings)
    _, fresh, _ = prepare(settings, dataset)
    x, y = (torch.as_tensor(v) for v in (dataset.features, dataset.target.values))
    x, y = ((v - v[split.train].mean(0)) / v[split.train].std(0, correction=0) for v in (x, y))
    x = x / torch.sqrt(1 + (x / settings.data.feature_limit) ** 2)
    layers = [nn.Linear(*layer.weight.shape[1:], dtype=torch.float64) for layer in layers_of(fresh.network)]
    for linear, layer in zip(layers, layers_of(fresh.network), strict=True):
        linear.weight.data, linear.bias.data = layer.weight.data[0].T.contiguous(), layer.bias.data[0, 0]
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1])
    optimizer = make_optimizer(list(network.parameters()))
    averaged = copy.deepcopy(network)
    orders, step, history = make_orders(fresh.table, settings.seeds), 0, []
    for epoch in range(epochs):
        (order,) = orders
        total = 0.0
        for rows in order[0].split(settings.training.batch_size):
            if rate is not None:
                optimizer.param_groups[0]["lr"] = rate(step)
            optimizer.zero_grad()
            loss = criterion(network(x[rows]), y[rows])
            loss.backward()
            if settings.training.clip is not None:
                nn.utils.clip_grad_norm_(network.parameters(), settings.training.clip)
            optimizer.step()
            step += 1
            total += loss.item() * len(rows)
        share = 9 / (epoch + 9) if settings.training.average else 1
        with torch.no_grad():
            for average, weight in zip(averaged.parameters(), network.parameters(), strict=True):
                average += share * (weight - average)
            validation = criterion(averaged(x[split.validation]), y[split.validation]).item()
        history.append((total / len(split.train), validation))
    return trained, history


@pytest.mark.parametrize(
    ("overrides", "make_optimizer", "criterion"),
    [
        (("loss=mse", "optimizer=adam"), lambda p: torch.optim.Adam(p, 0.001), nn.MSELoss()),
        (
            ("loss=mse", "trainer.average=false"),
            lambda p: torch.optim.AdamW(
                [
                    {"params": [weight for weight in p if weight.ndim == 2], "weight_decay": 0.3},
                    {"params": [bias for bias in p if bias.ndim == 1], "weight_decay": 0},
                ],
                lr=0.003,
            ),
            nn.MSELoss(),
        ),
        (
            ("loss=huber", "loss.delta=2", "optimizer=sgd"),
            lambda p: torch.optim.SGD(p, 0.01),
            nn.HuberLoss(delta=2),
        ),
        (
            ("loss=mae", "optimizer=rmsprop", "trainer.clip=0.1"),
            lambda p: torch.optim.RMSprop(p, 0.01),
            nn.L1Loss(),
        ),
    ],
)
def test_an_epoch_is_what_one_would_write_by_hand(overrides, make_optimizer, criterion):
    settings = config(*overrides, "trainer.max_epochs=5", "model.hidden_units=[8]")
    trained, history = plain_loop(settings, make_optimizer, criterion, 5)
    got = torch.tensor(np.stack(trained.history))[:, :2, 0]
    torch.testing.assert_close(got, torch.tensor(history, dtype=torch.float64), rtol=1e-10, atol=1e-12)


def test_warm_up_and_schedule_reach_the_optimizer():
    settings = config(
        "optimizer=sgd",
        "schedule=linear",
        "schedule.warmup_steps=5",
        "trainer.max_epochs=3",
        "model.hidden_units=[8]",
    )
    steps = 3 * 9  # 266 training rows, 32 at a time

    def rate(step):
        return 0.01 * ((step + 1) / 5 if step < 5 else 1 - (step - 5) / (steps - 5 - 1))

    trained, history = plain_loop(settings, lambda p: torch.optim.SGD(p, 0.01), nn.MSELoss(), 3, rate)
    got = torch.tensor(np.stack(trained.history))[:, :2, 0]
    torch.testing.assert_close(got, torch.tensor(history, dtype=torch.float64), rtol=1e-10, atol=1e-12)


def test_a_sum_trains_on_the_sum_and_records_the_mean():
    (_, _, summed), (_, _, mean) = (
        train(
            config(
                f"loss.reduction={reduction}",
                f"optimizer.lr={lr}",
                "optimizer=sgd",
                "trainer.max_epochs=3",
                "data.batch_size=266",
            )
        )
        for reduction, lr in (("sum", 0.01 / 266), ("mean", 0.01))
    )
    torch.testing.assert_close(
        torch.tensor(np.stack(summed.history)), torch.tensor(np.stack(mean.history)), rtol=1e-9, atol=1e-12
    )


def test_clipping_is_torchs_for_each_replicate_alone():
    torch.manual_seed(0)
    parameters = [nn.Parameter(torch.zeros(3, 4, 5)), nn.Parameter(torch.zeros(3, 1, 5))]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape)
        parameter.grad[1] *= 1e-3
        parameter.grad[2] = torch.nan
    before = [p.grad.clone() for p in parameters]
    clip_per_replicate(parameters, 0.5)
    for r in range(2):
        single = [nn.Parameter(torch.zeros(p.shape[1:])) for p in parameters]
        for p, grad in zip(single, before, strict=True):
            p.grad = grad[r].clone()
        nn.utils.clip_grad_norm_(single, 0.5)
        for p, clipped in zip(single, parameters, strict=True):
            torch.testing.assert_close(clipped.grad[r], p.grad)
    torch.testing.assert_close(parameters[0].grad[1], before[0][1])  # below the limit: untouched


SCORES = [  # per epoch, of three replicates; the third diverges in epoch 3
    [5.0, 5.0, 5.0],
    [4.0, 6.0, 4.0],
    [4.5, 7.0, float("nan")],
    [3.0, 1.0, 2.0],
    [3.5, 0.5, 1.0],
]


def watch(keep, patience, higher_is_better=False):
    weight = nn.Parameter(torch.zeros(3, 1, 1))
    selection = WeightSelection([weight], 3, keep=keep, patience=patience, higher_is_better=higher_is_better)
    for epoch, score in enumerate(SCORES, 1):
        weight.data.fill_(epoch)
        sign = -1 if higher_is_better else 1
        score = np.array(score) * sign
        selection.update(epoch, score[None], score * sign, score)
    selection.restore()
    return selection, weight.flatten().tolist()


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_each_replicate_keeps_its_best_epoch(higher_is_better):
    selection, weights = watch("best", None, higher_is_better)
    assert weights == [4, 5, 2]
    assert selection.best_epoch.tolist() == [4, 5, 2]
    assert selection.last_epoch.tolist() == [5, 5, 3]
    assert selection.diverged.tolist() == [False, False, True]


def test_a_replicate_stops_alone_and_what_comes_later_is_not_its_own():
    selection, weights = watch("best", 2)
    assert selection.last_epoch.tolist() == [5, 3, 3]
    assert weights == [4, 1, 2]


def test_the_last_weights_are_those_of_the_epoch_it_stopped_in():
    _, weights = watch("last", 2)
    assert weights == [5, 3, 2]


TIED = [  # per epoch: the metric, which is often the same, and the validation loss
    (0.9, 0.9),
    (1.0, 0.5),
    (1.0, 0.3),
    (0.9, 0.1),
    (1.0, 0.4),
    (1.0, 0.2),
]


@pytest.mark.parametrize(("patience", "best", "last"), [(None, 6, 6), (1, 3, 5), (2, 6, 6)], ids=str)
def test_epochs_with_the_same_metric_are_ordered_by_the_validation_loss(patience, best, last):
    """Progress of the loss extends the patience, too: the lowest loss is that of the fourth epoch."""
    weight = nn.Parameter(torch.zeros(1, 1, 1))
    selection = WeightSelection([weight], 1, keep="best", patience=patience, higher_is_better=True)
    for epoch, (score, loss) in enumerate(TIED, 1):
        weight.data.fill_(epoch)
        selection.update(epoch, np.array([[loss]]), np.array([loss]), np.array([score]))
    selection.restore()
    assert (weight.item(), selection.best_epoch.item(), selection.last_epoch.item()) == (best, best, last)


def test_of_the_epochs_with_the_best_accuracy_the_one_with_the_lowest_loss_is_kept(tmp_path):
    """As olive oils of three regions, which a network soon tells apart without an error."""
    random = np.random.default_rng(0)
    region = random.integers(0, 3, 300)
    x = random.normal(size=(300, 4)) * 0.3 + np.eye(4)[region] * 3
    rows = "".join(",".join(f"{v:.4f}" for v in row) + f",r{k}\n" for row, k in zip(x, region, strict=True))
    (tmp_path / "oils.csv").write_text("a,b,c,d,region\n" + rows)
    words = ["loss=scce", "metrics=[accuracy,log_loss]", "data=table", "data.target=region"]
    words += ["trainer.precision=64-true"]
    result = lossbench.run(*words, f"data.path={tmp_path}/oils.csv", f"hydra.run.dir={tmp_path}/run")
    curves = result.curves
    tied = curves[curves["validation/accuracy"] == curves["validation/accuracy"].max()]
    assert len(tied) > 20
    best = tied.loc[tied["validation/loss"].idxmin()]
    assert result.replicates[0].best_epoch == best["epoch"] > tied["epoch"].iloc[0]
    assert result.metrics["validation/log_loss"][0] == pytest.approx(best["validation/loss"], rel=1e-6)
    assert best["validation/loss"] < tied["validation/loss"].iloc[0] / 5
    assert result.replicates[0].epoch < 2500  # the losses could fall for ever


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_what_an_ignored_class_leaves_is_recorded_as_a_mean_over_what_counts(reduction):
    settings = resolve(
        plain(
            compose_config(
                "loss=scce", "loss.ignore_class=3", f"loss.reduction={reduction}", "trainer.max_epochs=1"
            )
        )
    )
    dataset, (split,), module = train(settings)
    predictions, _, losses = module.evaluate("validation")
    labels = torch.as_tensor(dataset.target.values[split.validation])
    p_true = predictions["output"][0].gather(1, labels[:, None]).flatten()
    kept = torch.as_tensor(dataset.target.values[split.validation] != 3)
    expected = -p_true[kept].log().mean()
    assert losses[0, 0] == pytest.approx(expected.item(), rel=1e-6)
    assert module.history[0][1, 0] == pytest.approx(expected.item(), rel=1e-6)


def test_autocast_leaves_the_output_activation_in_full_precision():
    settings = config("loss=bce", "data=breast_cancer", "trainer.precision=bf16-mixed")
    dataset = settings.data.load()
    module = prepare(settings, dataset)[1]
    module.network.heads[-1].bias.data.fill_(7.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predicted = module.network(torch.zeros(1, 1, 30))["output"]
    assert predicted.dtype == torch.float32
    assert predicted.item() == pytest.approx(torch.tensor(7.0).sigmoid().item(), abs=1e-6)


def test_the_sum_of_one_scalar_is_recorded_as_that_scalar():
    recorded = []
    for reduction in ("sum", "mean"):
        settings = resolve(
            plain(compose_config("loss=dice", f"loss.reduction={reduction}", "trainer.max_epochs=1"))
        )
        _, _, module = train(settings)
        recorded.append(module.evaluate("test")[2])
    np.testing.assert_allclose(*recorded, rtol=1e-6)


def test_dirt_of_one_kind_does_not_follow_that_of_another():
    """Rows without a target are not those with a wrong one, and class weights do not tell which these are."""
    settings = resolve(
        plain(
            compose_config(
                *("loss=scce", "data=digits", "data.label_noise=0.3", "data.missing_labels=0.3"),
                *("data.class_weight=balanced", "replicates=2"),
            )
        )
    )
    dataset = settings.data.load()
    module = prepare(settings, dataset)[1]
    rows = module.table.rows("train")
    for _, targets, weights in module.table.batches(rows, rows.shape[1]):
        seen, weight = (
            targets["sparse_categorical_crossentropy"][..., 0],
            weights["sparse_categorical_crossentropy"],
        )
    for own, labels, counts in zip(rows, seen.long(), weight, strict=True):
        wrong, missing = labels.numpy() != dataset.target.values[own], counts.numpy() == 0
        assert missing.mean() == pytest.approx(0.3, abs=1e-3)
        assert wrong[missing].mean() == pytest.approx(0.3, abs=0.06)
        expected = len(labels) / (10 * labels.bincount(minlength=10))
        torch.testing.assert_close(counts[~missing], expected[labels][~missing], check_dtype=False)
