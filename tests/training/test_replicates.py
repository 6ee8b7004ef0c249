"""The law of the replicate axis, held by the command itself: together is as alone, to the last digit."""

import json

import numpy as np
import pytest
import torch
import yaml

from lossbench import losses, registry
from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.records.result import Result
from lossbench.runs.job import run_job
from lossbench.runs.run import fit, prepare

TOGETHER, OFFSET = 8, 3


def run(folder, *overrides):
    values = plain(compose_config(*overrides))
    result = run_job(values, folder, picture=False).result
    assert result.status == "completed"
    return result


def differences(together: Result, r: int, alone: Result) -> list[float]:
    """Relative differences of every metric and every recorded epoch, between replicate and run."""
    assert together.metrics.keys() == alone.metrics.keys()
    pairs = [(together.metrics[name][r], alone.metrics[name][0]) for name in alone.metrics]
    histories = [
        np.genfromtxt(x.folder / "history.csv", delimiter=",", skip_header=1, ndmin=2)
        for x in (together, alone)
    ]
    own = histories[0][histories[0][:, 0] == r][:, 2:]
    pairs += list(zip(own.ravel(), histories[1][:, 2:].ravel(), strict=True))
    assert together.replicates[r] == alone.replicates[0]
    return [abs(a - b) / max(abs(b), 1.0) for a, b in pairs]


@pytest.mark.slow
@pytest.mark.parametrize("name", losses.names())
@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        (("trainer.precision=64-true", "trainer.max_epochs=20", "data.batch_size=100"), 1e-9),
        (("trainer.precision=32-true", "trainer.max_epochs=1"), 1e-5),
    ],
    ids=["float64", "float32"],
)
def test_replicate_k_is_the_run_of_its_seed(tmp_path, name, settings, tolerance):
    settings = (f"loss={name}", *settings)
    together = run(tmp_path / "together", *settings, f"seed={OFFSET}", f"replicates={TOGETHER}")
    hashes = json.loads((together.folder / "manifest.json").read_text())["seeds"]
    for k in range(TOGETHER):
        alone = run(tmp_path / str(k), *settings, f"seed={OFFSET + k}", "replicates=1")
        assert all(difference <= tolerance for difference in differences(together, k, alone))
        own = json.loads((alone.folder / "manifest.json").read_text())["seeds"]
        assert own == {str(OFFSET + k): hashes[str(OFFSET + k)]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ("trainer.keep=last", "trainer.early_stopping=2", "optimizer.lr=0.1"),
        ("data.scale_target=false", "loss=huber", "optimizer.lr=0.01"),  # larger steps amplify rounding
        ("metrics=[r2,mae]", "model.hidden_units=[]"),
        ("loss=bce", "metrics=[auroc,f1]", "loss.from_logits=true"),
        ("loss=scce", "loss.ignore_class=3", "metrics=balanced_accuracy"),
        ("loss=cce", "loss.reduction=sum", "loss.label_smoothing=0.1", "model.hidden_units=[8,8]"),
    ],
    ids=" ".join,
)
def test_the_law_holds_for_every_way_to_choose_and_judge(tmp_path, settings):
    settings = (*settings, "trainer.precision=64-true", "trainer.max_epochs=10")
    together = run(tmp_path / "together", *settings, "replicates=3")
    for k in range(3):
        alone = run(tmp_path / str(k), *settings, f"seed={k}")
        assert all(difference <= 1e-9 for difference in differences(together, k, alone))


WINE = (
    "data=wine",
    "loss=outputs",
    "+loss@loss.outputs.cultivar=scce",
    "+loss@loss.outputs.alcohol=huber",
    "loss.weights.alcohol=0.5",
)
WEIGHED = ("data=table", "data.path=weighed.csv", "data.target=y", "data.weight=w", "loss=huber")
EVERYWHERE = "regularizer.apply_to=[kernel,bias,activity]"
LABEL_NOISE = ("loss=scce", "data.label_noise=0.2")


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        WINE,
        ("data=wine", "loss=outputs", "+loss@loss.outputs.cultivar=triplet", *WINE[3:]),
        (*WINE, "regularizer=l2", EVERYWHERE, "regularizer.layers=[0,alcohol]", "model.dropout=0.2"),
        ("regularizer=l1", EVERYWHERE),
        ("regularizer=l2", EVERYWHERE, "trainer.clip=0.5"),
        ("regularizer=l1l2", "regularizer.l1=0.01", "regularizer.l2=0.01", "regularizer.apply_to=[bias]"),
        ("regularizer=orthogonal",),
        ("regularizer=orthogonal", "regularizer.mode=columns", "model.hidden_units=[8,8]"),
        ("model.dropout=0.5", "model.hidden_units=[8,8]", "trainer.early_stopping=3"),
        WEIGHED,
        (*WEIGHED, "loss.reduction=mean_with_sample_weight", "data.missing_labels=0.3"),
        (*WINE, "data.class_weight=balanced"),
        (*WINE, "data.class_weight=balanced", "loss.reduction=mean_with_sample_weight", "data.imbalance=5"),
        (*WINE, "data.outliers=0.1", "data.outlier_size=20"),
        ("data.outliers=0.1", "loss=mse"),
        ("data.outliers=0.1", "loss=poisson"),
        LABEL_NOISE,
        (*LABEL_NOISE, "data.label_noise_kind=pairwise", "data.class_weight=balanced"),
        (*LABEL_NOISE, "data.missing_labels=0.5", "data.imbalance=10", "model.dropout=0.1"),
        ("loss=bce", "data.imbalance=10"),
        (*WINE, "data.missing_labels=0.3", "data.batch_size=5"),
    ],
    ids=" ".join,
)
def test_the_law_holds_for_outputs_penalties_dropout_weights_and_corruption(tmp_path, monkeypatch, settings):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    table = np.column_stack([random.normal(size=(100, 4)), random.integers(0, 4, 100)])
    np.savetxt("weighed.csv", table, delimiter=",", header="a,b,c,y,w", comments="", fmt="%.6f")
    settings = (*settings, "trainer.precision=64-true", "trainer.max_epochs=20")
    together = run(tmp_path / "together", *settings, "seed=2", "replicates=3")
    for k in range(3):
        alone = run(tmp_path / str(k), *settings, f"seed={2 + k}")
        assert all(difference <= 1e-9 for difference in differences(together, k, alone))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", registry.names("optimizer"))
def test_the_law_holds_for_every_optimizer_with_clipping_stopping_and_a_schedule(tmp_path, optimizer):
    settings = (
        "loss=huber",
        f"optimizer={optimizer}",
        "trainer.clip=0.5",
        "trainer.early_stopping=3",
        "schedule=cosine",
        "optimizer.lr=0.05",
        "trainer.precision=64-true",
        "trainer.max_epochs=30",
    )
    together = run(tmp_path / "together", *settings, "replicates=4")
    for k in range(4):
        alone = run(tmp_path / str(k), *settings, f"seed={k}")
        assert all(difference <= 1e-9 for difference in differences(together, k, alone))
    assert len({one.epoch for one in together.replicates}) > 1  # they did stop apart


def train_with(poisoned: int | None):
    values = plain(compose_config("replicates=4", "trainer.max_epochs=6", "model.initial_output=random"))
    config = resolve(values)
    _, module, orders = prepare(config, config.data.load())
    if poisoned is not None:
        module.network.hidden[0].weight.data[poisoned, 0, 0] = 1e38  # overflows within the first epochs
    fit(config, module, orders)
    return module


def test_a_replicate_that_diverges_leaves_the_others_equal_to_the_bit():
    clean, sick = train_with(None), train_with(2)
    assert sick.selection.diverged.tolist() == [False, False, True, False]
    others = [0, 1, 3]
    for a, b in zip(clean.network.parameters(), sick.network.parameters(), strict=True):
        assert torch.equal(a[others], b[others])
    for a, b in zip(clean.history, sick.history, strict=True):
        assert (a[:, others] == b[:, others]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", losses.names())
def test_the_same_command_twice_gives_the_same_bits(tmp_path, name):
    settings = (f"loss={name}", "replicates=2", "trainer.max_epochs=3")
    first, second = run(tmp_path / "a", *settings), run(tmp_path / "b", *settings)
    for file in ("history.csv", "predictions.csv", "weights.safetensors", "config.yaml"):
        assert (first.folder / file).read_bytes() == (second.folder / file).read_bytes()
    assert first.metrics == second.metrics
    assert first.config_id == second.config_id


def test_the_global_generators_are_neither_drawn_from_nor_heeded(tmp_path):
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.get_rng_state().clone(), np.random.get_state()[1].copy()
    first = run(tmp_path / "a", "trainer.max_epochs=2")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    torch.manual_seed(2)
    assert first.metrics == run(tmp_path / "b", "trainer.max_epochs=2").metrics


def test_two_losses_at_one_seed_see_the_same_split_start_and_order(tmp_path):
    manifests = [
        json.loads(
            (
                run(tmp_path / loss, f"loss={loss}", "trainer.max_epochs=1").folder / "manifest.json"
            ).read_text()
        )
        for loss in ("mse", "mae", "huber")
    ]
    assert manifests[0]["seeds"] == manifests[1]["seeds"] == manifests[2]["seeds"]
    assert manifests[0]["data_fingerprint"] == manifests[1]["data_fingerprint"]


def test_threads_are_given_back(tmp_path):
    before = torch.get_num_threads()
    run(tmp_path, "trainer.threads=2", "trainer.max_epochs=1")
    assert torch.get_num_threads() == before
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["trainer"]["threads"] == 2
