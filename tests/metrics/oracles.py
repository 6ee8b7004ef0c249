"""What metrics are compared with: scikit-learn, SciPy, or their definitions."""

import numpy as np
import scipy.stats
import torch
from sklearn import metrics as sklearn_metrics
from sklearn.neighbors import KNeighborsClassifier

REPLICATES, ROWS, CLASSES = 3, 60, 4


def calibration_error(right, confidence, bins=15):
    """Over bins of equal width, the mean distance of confidence from the share that is right."""
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, bins - 1)
    each = [bin_of == b for b in range(bins) if (bin_of == b).any()]
    return sum(abs(right[b].mean() - confidence[b].mean()) * b.mean() for b in each)


ORACLES = {
    ("regression", "rmse"): lambda y, p: sklearn_metrics.root_mean_squared_error(y, p),
    ("regression", "mae"): lambda y, p: sklearn_metrics.mean_absolute_error(y, p),
    ("regression", "r2"): lambda y, p: sklearn_metrics.r2_score(y, p),
    ("positive", "gamma_deviance"): lambda y, p: sklearn_metrics.mean_gamma_deviance(y, p),
    ("count", "poisson_deviance"): lambda y, p: sklearn_metrics.mean_poisson_deviance(y, p),
    ("binary", "accuracy"): lambda y, p: sklearn_metrics.accuracy_score(y, p[:, 0] > 0.5),
    ("binary", "balanced_accuracy"): lambda y, p: sklearn_metrics.balanced_accuracy_score(y, p[:, 0] > 0.5),
    ("binary", "f1"): lambda y, p: sklearn_metrics.f1_score(y, p[:, 0] > 0.5),
    ("binary", "precision"): lambda y, p: sklearn_metrics.precision_score(y, p[:, 0] > 0.5),
    ("binary", "recall"): lambda y, p: sklearn_metrics.recall_score(y, p[:, 0] > 0.5),
    ("binary", "mcc"): lambda y, p: sklearn_metrics.matthews_corrcoef(y, p[:, 0] > 0.5),
    ("binary", "average_precision"): lambda y, p: sklearn_metrics.average_precision_score(y, p[:, 0]),
    ("binary", "log_loss"): lambda y, p: sklearn_metrics.log_loss(y, p[:, 0]),
    ("binary", "brier"): lambda y, p: sklearn_metrics.brier_score_loss(y, p[:, 0]),
    ("binary", "ece"): lambda y, p: calibration_error(y, p[:, 0]),
    ("multiclass", "mcc"): lambda y, p: sklearn_metrics.matthews_corrcoef(y, p.argmax(1)),
    ("multiclass", "auroc"): lambda y, p: sklearn_metrics.roc_auc_score(y, p, multi_class="ovr"),
    ("multiclass", "log_loss"): lambda y, p: sklearn_metrics.log_loss(y, p),
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
    ("mask", "log_loss"): lambda y, p: sklearn_metrics.log_loss(y.ravel(), p.ravel()),
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


def draw(task):
    """Return random predictions in canonical form and targets of a task."""
    generator = torch.Generator().manual_seed(0)
    name = task.name
    if name in ("positive", "count"):
        p = torch.rand(REPLICATES, ROWS, 1, generator=generator, dtype=torch.float64) * 5 + 0.1
        y = torch.poisson(p, generator=generator)
        return p, y + 0.5 if name == "positive" else y
    if name == "regression":
        y = torch.randn(REPLICATES, ROWS, 1, generator=generator, dtype=torch.float64) * 50 + 100
        return y + torch.randn(y.shape, generator=generator, dtype=torch.float64) * 20, y
    if name == "binary":
        p = torch.rand(REPLICATES, ROWS, 1, generator=generator, dtype=torch.float64)
        return p, (p[..., 0] + torch.rand(REPLICATES, ROWS, generator=generator) > 1).long()
    p = torch.rand(REPLICATES, ROWS, CLASSES, generator=generator, dtype=torch.float64)
    if name in ("pair", "triplet"):  # distances of pairs, and differences of two
        y = (torch.rand(REPLICATES, ROWS, 1, generator=generator) > 0.5).double()
        return p[..., :1].round(decimals=1) - (0.5 if name == "triplet" else 0), y
    if name == "mask":
        return p, (torch.rand(p.shape, generator=generator) > 0.5).double()
    if name in ("distribution", "vector"):
        y = torch.rand(p.shape, generator=generator, dtype=torch.float64)
        return (
            (p / p.sum(-1, keepdim=True), y / y.sum(-1, keepdim=True)) if name == "distribution" else (p, y)
        )
    return p / p.sum(-1, keepdim=True), torch.randint(0, CLASSES, (REPLICATES, ROWS), generator=generator)


WEIGHTED = {
    ("regression", "rmse"): lambda y, p, w: sklearn_metrics.root_mean_squared_error(y, p, sample_weight=w),
    ("regression", "mae"): lambda y, p, w: sklearn_metrics.mean_absolute_error(y, p, sample_weight=w),
    ("binary", "accuracy"): lambda y, p, w: sklearn_metrics.accuracy_score(y, p[:, 0] > 0.5, sample_weight=w),
    ("binary", "brier"): lambda y, p, w: sklearn_metrics.brier_score_loss(y, p[:, 0], sample_weight=w),
    ("multiclass", "accuracy"): lambda y, p, w: sklearn_metrics.accuracy_score(
        y, p.argmax(1), sample_weight=w
    ),
    ("binary", "log_loss"): lambda y, p, w: sklearn_metrics.log_loss(y, p[:, 0], sample_weight=w),
    ("multiclass", "log_loss"): lambda y, p, w: sklearn_metrics.log_loss(y, p, sample_weight=w),
    ("count", "poisson_deviance"): lambda y, p, w: sklearn_metrics.mean_poisson_deviance(
        y, p, sample_weight=w
    ),
    ("positive", "gamma_deviance"): lambda y, p, w: sklearn_metrics.mean_gamma_deviance(
        y, p, sample_weight=w
    ),
}
