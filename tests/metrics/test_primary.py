"""The primary metric that is chosen for a target, and the reason that is recorded."""

import json

import numpy as np
import pytest

import lossbench
from lossbench.metrics.primary import choose
from lossbench.records.result import Result
from lossbench.tasks import BINARY, COUNT, DISTRIBUTION, MASK, MULTICLASS, POSITIVE, REGRESSION, TASKS, VECTOR

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(100, 20, 1000)
HEAVY = np.exp(2.5 * RANDOM.normal(size=1000))
INFLATED = np.where(np.arange(1000) < 700, 0.0, HEAVY)


def labels(*counts):
    return np.repeat(np.arange(len(counts)), counts)


def chosen(task, values, space="real", without=()):
    values = np.asarray(values)
    classes = [f"c{index}" for index in range(int(values.max()) + 1)] if task.has_classes else []
    values = values if task.has_classes else values.reshape(len(values), -1)
    names = [name for name in task.metric_names(space, weighted=True) if name not in without]
    return choose(task, names, values, classes)


@pytest.mark.parametrize(
    ("task", "values", "space", "name", "reason"),
    [
        (REGRESSION, NORMAL, "real", "r2", "all units"),
        (POSITIVE, NORMAL, "positive", "r2", "all units"),
        (REGRESSION, HEAVY, "real", "mae", "of the variance"),
        (REGRESSION, np.stack([NORMAL, HEAVY], 1), "real", "mae", "of the variance"),
        (REGRESSION, INFLATED, "real", "rmse", "70% of the rows have one value"),
        (REGRESSION, np.ones(100), "real", "rmse", "100% of the rows have one value"),
        (REGRESSION, NORMAL[:49], "real", "rmse", "49 rows"),
        (REGRESSION, NORMAL[:50], "real", "r2", "all units"),
        (COUNT, RANDOM.poisson(3, 1000), "positive", "poisson_deviance", "count"),
        (BINARY, labels(500, 500), "probability", "log_loss", "probabilities"),
        (BINARY, labels(890, 110), "probability", "log_loss", "probabilities"),
        (BINARY, labels(910, 90), "probability", "log_loss", "probabilities"),  # too few to be ranked
        (BINARY, labels(1900, 100), "probability", "average_precision", "class c1 has 5.0% of the rows"),
        (BINARY, labels(100, 1900), "probability", "log_loss", "probabilities"),  # class 1 is not rare
        (BINARY, labels(1900, 100), "score", "average_precision", "class c1 has 5.0% of the rows"),
        (BINARY, labels(100, 1900), "score", "balanced_accuracy", "class c0 has 5.0% of the rows"),
        (BINARY, labels(95, 5), "score", "balanced_accuracy", "class c1 has 5.0% of the rows"),
        (BINARY, labels(880, 120), "score", "accuracy", "no class is rare"),
        (MULTICLASS, labels(500, 480, 20), "distribution", "log_loss", "probabilities"),
        (MULTICLASS, labels(500, 480, 20), "score", "balanced_accuracy", "class c2 has 2.0% of the rows"),
        (MULTICLASS, labels(500, 400, 100), "score", "accuracy", "no class is rare"),
        (MULTICLASS, labels(*[100] * 20), "score", "accuracy", "no class is rare"),  # 5 % each
        (DISTRIBUTION, np.full((9, 2), 0.5), "distribution", "kl", "probabilities"),
        (DISTRIBUTION, np.full((9, 2), 0.5), "score", "accuracy", "no probabilities"),
        (VECTOR, np.ones((9, 2)), "direction", "cosine", "default"),
        (MASK, np.ones((9, 2)), "probability", "iou", "default"),
    ],
)
def test_the_primary_metric_fits_the_target(task, values, space, name, reason):
    got = chosen(task, values, space)
    assert (got[0], reason in got[1]) == (name, True), got


def test_a_deviance_is_chosen_only_for_predictions_that_stay_positive():
    assert chosen(COUNT, RANDOM.poisson(30, 1000), without=["poisson_deviance"])[0] == "r2"


@pytest.mark.parametrize(("shift", "scale"), [(0, 1e-30), (0, 1e30), (1e9, 1), (-7, -3)])
@pytest.mark.parametrize("values", [NORMAL, HEAVY, INFLATED], ids=["normal", "heavy", "inflated"])
def test_no_change_of_unit_changes_the_choice(values, shift, scale):
    assert chosen(REGRESSION, values * scale + shift) == chosen(REGRESSION, values)


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_what_is_chosen_is_a_metric_that_training_can_monitor(task):
    values = labels(300, 200) if task.has_classes else RANDOM.poisson(3, (100, 2)) + 1.0
    for space in ("real", "positive", "probability", "distribution", "score", "direction", "embedding"):
        names = task.metric_names(space, weighted=False)
        if names and (space != "direction" or not task.is_numeric or task is VECTOR):
            assert chosen(task, values, space)[0] in names


@pytest.mark.parametrize(
    ("words", "name", "reason"),
    [
        (["loss=huber"], "r2", "the target is a number"),
        (["loss=bce"], "log_loss", "it judges the probabilities"),
        (["loss=hinge"], "accuracy", "no class is rare"),
        (["loss=poisson"], "poisson_deviance", "count"),
        (["loss=poisson", "loss.from_logits=true"], "poisson_deviance", "count"),
        (["loss=mse", "data=ink", "model.output_activation=relu"], "r2", "the target is a number"),
        (["loss=bce", "metrics=[mcc,log_loss]"], "mcc", "asked for"),
        (
            [
                "data=wine",
                "loss=outputs",
                "+loss@loss.outputs.alcohol=mse",
                "+loss@loss.outputs.cultivar=scce",
            ],
            "alcohol/r2",
            "the target is a number",
        ),
    ],
    ids=" ".join,
)
def test_metric_and_reason_are_recorded_and_printed(train, words, name, reason):
    outcome = train(*words, "trainer.max_epochs=2")
    (result,) = outcome.results
    content = json.loads((result.folder / "result.json").read_text())
    assert content["yardstick"] == result.primary_metric == name
    assert content["yardstick_reason"] == result.primary_reason
    assert reason in result.primary_reason
    assert list(result.curves)[-1] == f"validation/{name}"
    assert f"{name} *" in outcome.out
    assert f"* the primary metric: {result.primary_reason}\n" in outcome.out


def test_the_metrics_stay_in_the_order_of_the_task(tmp_path):
    result = lossbench.run("loss=bce", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}/run")
    assert list(result.higher_is_better) == [metric.name for metric in BINARY.metrics]


def test_a_record_without_a_reason_is_read(tmp_path):
    result = lossbench.run("loss=bce", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}/run")
    path = result.folder / "result.json"
    content = json.loads(path.read_text())
    del content["yardstick_reason"]
    path.write_text(json.dumps(content))
    earlier = Result.read(result.folder)
    assert (earlier.primary_metric, earlier.primary_reason) == ("log_loss", None)


def test_a_rare_class_of_a_table_is_ranked_whatever_the_loss(tmp_path):
    """Accuracy would keep the network that never predicts it."""
    random = np.random.default_rng(0)
    x = random.normal(size=2000)
    sick = random.uniform(size=2000) < 1 / (1 + np.exp(3 - x))
    rows = "".join(f"{a:.4f},{'yes' if b else 'no'}\n" for a, b in zip(x, sick, strict=True))
    (tmp_path / "t.csv").write_text("x,sick\n" + rows)
    for loss in ("bce", "hinge"):
        result = lossbench.run(
            *(f"loss={loss}", "data=table", f"data.path={tmp_path}/t.csv", "data.target=sick"),
            *("trainer.max_epochs=3", f"hydra.run.dir={tmp_path}/{loss}"),
        )
        assert result.primary_metric == "average_precision"
        assert "class yes has" in result.primary_reason
