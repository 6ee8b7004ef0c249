"""Metrics equal scikit-learn's, and the batched ones equal torchmetrics'."""

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn import metrics as sklearn_metrics
from sklearn.neighbors import KNeighborsClassifier

import lossbench
from lossbench.metrics import METRICS, Mean, metrics_for, panel

REPLICATES, ROWS, CLASSES = 3, 60, 4


def calibration_error(right, confidence, bins=15):
    """Over bins of equal width, the mean distance of confidence from the share that is right."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, bins - 1)
    each = [place == b for b in range(bins) if (place == b).any()]
    return sum(abs(right[b].mean() - confidence[b].mean()) * b.mean() for b in each)


ORACLES = {
    ("regression", "rmse"): lambda y, p: sklearn_metrics.root_mean_squared_error(y, p),
    ("regression", "mae"): lambda y, p: sklearn_metrics.mean_absolute_error(y, p),
    ("regression", "r2"): lambda y, p: sklearn_metrics.r2_score(y, p),
    ("binary", "accuracy"): lambda y, p: sklearn_metrics.accuracy_score(y, p[:, 0] > 0.5),
    ("binary", "f1"): lambda y, p: sklearn_metrics.f1_score(y, p[:, 0] > 0.5),
    ("binary", "precision"): lambda y, p: sklearn_metrics.precision_score(y, p[:, 0] > 0.5),
    ("binary", "recall"): lambda y, p: sklearn_metrics.recall_score(y, p[:, 0] > 0.5),
    ("binary", "mcc"): lambda y, p: sklearn_metrics.matthews_corrcoef(y, p[:, 0] > 0.5),
    ("binary", "average_precision"): lambda y, p: sklearn_metrics.average_precision_score(y, p[:, 0]),
    ("binary", "brier"): lambda y, p: sklearn_metrics.brier_score_loss(y, p[:, 0]),
    ("binary", "ece"): lambda y, p: calibration_error(y, p[:, 0]),
    ("multiclass", "mcc"): lambda y, p: sklearn_metrics.matthews_corrcoef(y, p.argmax(1)),
    ("multiclass", "auroc"): lambda y, p: sklearn_metrics.roc_auc_score(y, p, multi_class="ovr"),
    ("multiclass", "brier"): lambda y, p: ((p - np.eye(CLASSES)[y]) ** 2).sum(1).mean(),
    ("multiclass", "ece"): lambda y, p: calibration_error(p.argmax(1) == y, p.max(1)),
    ("binary", "auroc"): lambda y, p: sklearn_metrics.roc_auc_score(y, p[:, 0]),
    ("multiclass", "accuracy"): lambda y, p: sklearn_metrics.accuracy_score(y, p.argmax(1)),
    ("multiclass", "balanced_accuracy"): lambda y, p: sklearn_metrics.balanced_accuracy_score(y, p.argmax(1)),
    ("multiclass", "f1"): lambda y, p: sklearn_metrics.f1_score(y, p.argmax(1), average="macro"),
}
ORACLES |= {
    (task, name): ORACLES["regression", name]
    for task in ("positive", "count")
    for name in ("rmse", "mae", "r2")
}
ORACLES |= {
    ("vector", "rmse"): lambda y, p: np.sqrt(((y - p) ** 2).mean()),
    ("vector", "mae"): lambda y, p: sklearn_metrics.mean_absolute_error(y, p),
    ("vector", "r2"): lambda y, p: sklearn_metrics.r2_score(y, p),
    ("vector", "cosine"): lambda y, p: np.diag(sklearn_metrics.pairwise.cosine_similarity(y, p)).mean(),
    ("distribution", "mae"): lambda y, p: sklearn_metrics.mean_absolute_error(y, p),
    ("distribution", "kl"): lambda y, p: scipy.stats.entropy(y, p, axis=1).mean(),
    ("distribution", "accuracy"): lambda y, p: (y.argmax(1) == p.argmax(1)).mean(),
}
ORACLES |= {
    ("mask", "iou"): lambda y, p: sklearn_metrics.jaccard_score(y.ravel(), p.ravel() > 0.5),
    ("mask", "f1"): lambda y, p: sklearn_metrics.f1_score(y.ravel(), p.ravel() > 0.5),
    ("mask", "accuracy"): lambda y, p: sklearn_metrics.accuracy_score(y.ravel(), p.ravel() > 0.5),
}


def _map_at_r(labels, embeddings):
    """By its definition, query by query."""
    scores = []
    for query, label in enumerate(labels):
        distance = np.linalg.norm(embeddings - embeddings[query], axis=1)
        order = [row for row in np.argsort(distance, kind="stable") if row != query]
        others = (labels == label).sum() - 1
        hits = labels[order[:others]] == label
        scores.append(sum(hits[: i + 1].mean() for i in range(others) if hits[i]) / others)
    return np.mean(scores)


def _precision_at_1(labels, embeddings):
    neighbours = KNeighborsClassifier(1).fit(embeddings, labels).kneighbors(return_distance=False)
    return (labels[neighbours[:, 0]] == labels).mean()


ORACLES |= {
    ("pair", "auroc"): lambda y, d: sklearn_metrics.roc_auc_score(y[:, 0], -d[:, 0]),
    ("pair", "average_precision"): lambda y, d: sklearn_metrics.average_precision_score(y[:, 0], -d[:, 0]),
    ("triplet", "accuracy"): lambda y, d: sklearn_metrics.accuracy_score(y, d > 0),
    ("retrieval", "precision_at_1"): _precision_at_1,
    ("retrieval", "map_at_r"): _map_at_r,
}
EVERY = [(task, name) for task, named in METRICS.items() for name in named]


def draw(task):
    generator = torch.Generator().manual_seed(0)
    if task in ("regression", "positive", "count"):
        y = torch.randn(REPLICATES, ROWS, 1, generator=generator, dtype=torch.float64) * 50 + 100
        return y + torch.randn(y.shape, generator=generator, dtype=torch.float64) * 20, y
    if task == "binary":
        p = torch.rand(REPLICATES, ROWS, 1, generator=generator, dtype=torch.float64)
        return p, (p[..., 0] + torch.rand(REPLICATES, ROWS, generator=generator) > 1).long()
    p = torch.rand(REPLICATES, ROWS, CLASSES, generator=generator, dtype=torch.float64)
    if task in ("pair", "triplet"):  # distances of pairs, and differences of two
        y = (torch.rand(REPLICATES, ROWS, 1, generator=generator) > 0.5).double()
        return p[..., :1].round(decimals=1) - (0.5 if task == "triplet" else 0), y
    if task == "mask":
        return p, (torch.rand(p.shape, generator=generator) > 0.5).double()
    if task in ("distribution", "vector"):
        y = torch.rand(p.shape, generator=generator, dtype=torch.float64)
        return (
            (p / p.sum(-1, keepdim=True), y / y.sum(-1, keepdim=True)) if task == "distribution" else (p, y)
        )
    return p / p.sum(-1, keepdim=True), torch.randint(0, CLASSES, (REPLICATES, ROWS), generator=generator)


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_every_metric_equals_scikit_learns_for_each_replicate(task, name):
    predictions, targets = draw(task)
    got = panel(task, [name], predictions, targets)[name]
    expected = [ORACLES[task, name](y.numpy(), p.numpy()) for p, y in zip(predictions, targets, strict=True)]
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_the_monitored_value_is_the_panels(task, name):
    predictions, targets = draw(task)
    got = METRICS[task][name].per_replicate(predictions, targets)
    torch.testing.assert_close(got, panel(task, [name], predictions, targets)[name], check_dtype=False)


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_the_stated_direction_is_the_true_one(task, name):
    _, targets = draw(task)
    if task == "binary":
        perfect = targets.double().unsqueeze(-1)
    elif task == "multiclass":
        perfect = torch.nn.functional.one_hot(targets, CLASSES).double()
    elif task == "retrieval":
        perfect = targets[..., None].double()
    elif task in ("pair", "triplet"):
        perfect = {"pair": 1 - targets, "triplet": targets - 0.5}[task]
    else:
        perfect = targets
    worse = draw(task)[0]
    best, other = (panel(task, [name], p, targets)[name][0] for p in (perfect, worse))
    assert (best > other) == METRICS[task][name].higher_is_better


def test_a_ranking_of_one_class_is_undefined():
    got = panel("binary", ["auroc"], torch.rand(1, 5, 1), torch.ones(1, 5, dtype=torch.int64))
    assert got["auroc"].isnan().all()


@pytest.mark.parametrize(("shift", "scale"), [(1e9, 1.0), (0.0, 1e-30), (0.0, 1e30), (1e8, 40.0)])
def test_targets_of_any_offset_and_scale_are_judged_right(shift, scale):
    p, y = (values / 50 * scale + shift for values in draw("regression"))
    for name in METRICS["regression"]:
        got = panel("regression", [name], p, y)[name]
        centred = [(a - shift).numpy() / scale for a in (p, y)]
        expected = [ORACLES["regression", name](t, q) for q, t in zip(*centred, strict=True)]
        factor = 1 if name == "r2" else scale
        np.testing.assert_allclose(got.numpy() / factor, expected, rtol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_a_run_on_targets_with_a_large_offset_is_judged_as_without(tmp_path, offset):
    random = np.random.default_rng(0)
    a = random.normal(size=200)
    rows = zip(a, 3 * a + random.normal(size=200) + offset, strict=True)
    (tmp_path / "t.csv").write_text(
        "a,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in rows).replace("np.float64(", "").replace(")", "")
    )
    result = lossbench.run(
        "data=table",
        f"data.path={tmp_path}/t.csv",
        "data.target=y",
        "optimizer.lr=0.05",
        f"hydra.run.dir={tmp_path}/run",
    )
    assert 0.8 < result.metrics["test/r2"][0] < 0.95  # 9 of 10 parts of the variance are the feature's
    assert 0.7 < result.metrics["test/rmse"][0] < 1.5


def test_r2_of_equal_targets_is_undefined_in_both_forms():
    y = torch.ones(1, 5, 1, dtype=torch.float64)
    assert METRICS["regression"]["r2"].per_replicate(y + 1, y).isnan().all()
    assert panel("regression", ["r2"], y + 1, y)["r2"].isnan().all()


WEIGHTED = {
    ("regression", "rmse"): lambda y, p, w: sklearn_metrics.root_mean_squared_error(y, p, sample_weight=w),
    ("regression", "mae"): lambda y, p, w: sklearn_metrics.mean_absolute_error(y, p, sample_weight=w),
    ("binary", "accuracy"): lambda y, p, w: sklearn_metrics.accuracy_score(y, p[:, 0] > 0.5, sample_weight=w),
    ("binary", "brier"): lambda y, p, w: sklearn_metrics.brier_score_loss(y, p[:, 0], sample_weight=w),
    ("multiclass", "accuracy"): lambda y, p, w: sklearn_metrics.accuracy_score(
        y, p.argmax(1), sample_weight=w
    ),
}


@pytest.mark.parametrize(("task", "name"), WEIGHTED)
def test_weighted_metrics_equal_scikit_learns(task, name):
    predictions, targets = draw(task)
    weights = torch.rand(REPLICATES, ROWS, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    got = panel(task, [f"weighted_{name}"], predictions, targets, weights)[f"weighted_{name}"]
    every = zip(predictions, targets, weights, strict=True)
    expected = [WEIGHTED[task, name](y.numpy(), p.numpy(), w.numpy()) for p, y, w in every]
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


def test_a_score_has_no_probability_to_be_judged():
    assert {"brier", "ece"} <= set(metrics_for("binary", "probability", weighted=False))
    assert not {"brier", "ece"} & set(metrics_for("binary", "score", weighted=False))


def test_the_mean_of_the_documents_counts_values_not_calls():
    mean = Mean()
    running = [
        mean(torch.tensor(batch)).item() for batch in ([1, 3, 5, 7], [1, 3, 5, 7], [1, 1, 1, 1], [2, 2])
    ]
    np.testing.assert_allclose(running, [4, 4, 3, 2.857143], rtol=1e-6)
    assert mean.result() == mean.result()
    mean.reset_states()
    assert mean.result() == 0
    mean.update_state([1.0, 2.0, 3.0], sample_weight=[1, 0, 1])
    assert mean.result() == 2
    assert Mean()(1) == 1
    assert Mean()([[1.0, 3.0], [5.0, 7.0]]) == 4
    with pytest.raises(TypeError, match=r"write Mean\(\)\(1\)"):
        Mean(1)
    assert Mean(**Mean("m", "float64").get_config()).dtype == torch.float64
