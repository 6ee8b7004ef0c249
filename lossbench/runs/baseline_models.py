"""The baselines: the best constant, a linear model and boosted trees, fitted as scikit-learn has them.

Each is fitted to one target of one replicate: to the same rows, training targets and weights as the networks.
scikit-learn is imported where it is used, because its import takes as long as a short run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lossbench.data.dataset import Dataset, Target, Values
from lossbench.data.scaling import ScaledColumns
from lossbench.data.splits import Rows, Split
from lossbench.metrics import panel
from lossbench.records.baselines import BOOSTING, CONSTANT, LINEAR
from lossbench.tasks import STANDARD_DEVIATIONS, Task

Floats = NDArray[np.float64]
Predictor = Callable[[Rows], Floats]  # rows (n,) of the data to predictions as metrics read them, (n, U)

_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_RIDGE_PENALTIES = np.logspace(-3, 5, 17)
_POISSON_PENALTIES = (1.0, 1e-2, 1e-4)
_INVERSE_PENALTIES = (0.01, 0.1, 1.0, 10.0)  # of the logistic regression
_MOST_COLUMNS = 10  # of targets for which boosting fits a model each
_SMALLEST_SHARE = 1e-6


@dataclass(frozen=True)
class TrainingData:
    """What a baseline is fitted to: one target of one replicate.

    Attributes:
        dataset: the data set.
        target: the target in it.
        task: the task of the output, whose metrics judge it.
        metric: the metric for which the constant is the best one, without the prefix of the output.
        split: the rows of each part.
        values: the values of the target, corrupted in the training part.
        weights: how much each row counts, ``(N,)``; None if all rows count alike.
        seed: the seed of the replicate.
    """

    dataset: Dataset
    target: Target
    task: Task
    metric: str
    split: Split
    values: Values
    weights: Floats | None
    seed: int

    @property
    def train(self) -> Rows:
        """The training rows whose target is known: an unknown one has weight 0."""
        rows = self.split.train
        return rows if self.weights is None else rows[self.weights[rows] > 0]

    def weights_of(self, rows: Rows) -> Floats | None:
        """Return how much each of the rows counts."""
        return None if self.weights is None else self.weights[rows]

    def standardised(self) -> Predictor:
        """Return a function that gives the features of rows as a network reads them, without its limit."""
        dataset = self.dataset
        columns = ScaledColumns(
            dataset.features,
            [self.split],
            torch.float64,
            scaling=STANDARD_DEVIATIONS,
            unscaled=dataset.unscaled,
        )
        return lambda rows: columns.gather(torch.as_tensor(rows)[None])[0].numpy()

    def scores(self, names: list[str], predictor: Predictor, rows: Rows, true: Values) -> dict[str, float]:
        """Return metrics of the predictions for some rows, whose targets are ``true``."""
        predictions = torch.as_tensor(np.ascontiguousarray(predictor(rows)))[None]
        given = self.dataset.weights
        weights = None if given is None else torch.as_tensor(given[rows])[None]
        values = panel(self.task, names, predictions, torch.as_tensor(true)[None], weights)
        return {name: score.item() for name, score in values.items()}


def left_out(name: str, task: Task, columns: int) -> str | None:
    """Return why there is no baseline of this name for a target; None if there is one.

    Args:
        name: the name of the baseline.
        task: the task of the target.
        columns: the number of columns of the target.
    """
    if task.retrieves:
        return "embeddings that retrieve rows of the same class have no simple baseline"
    if name == CONSTANT:
        return None
    if task.embeds:
        return "distances between embeddings have no simple baseline but a constant"
    if name == BOOSTING and not task.has_classes and (task.has_probabilities or columns > _MOST_COLUMNS):
        return f"boosted trees predict one column at a time, and the target has {columns}"
    return None


def fit(name: str, data: TrainingData) -> Predictor:
    """Fit a baseline, and return the function that predicts with it."""
    return {CONSTANT: _fit_constant, LINEAR: _fit_linear, BOOSTING: _fit_boosting}[name](data)


def _fit_constant(data: TrainingData) -> Predictor:
    """Return the constant that is best by the metric on the training part; the first one if several are."""
    sign = 1 if data.task.metric(data.metric).higher_is_better else -1
    predictors = [_always(candidate) for candidate in _constants(data)]
    rows, name = data.train, data.metric
    scores = [sign * data.scores([name], each, rows, data.values[rows])[name] for each in predictors]
    return predictors[int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))]


def _always(prediction: Floats) -> Predictor:
    return lambda rows: np.broadcast_to(prediction, (len(rows), len(prediction)))


def _constants(data: TrainingData) -> Iterator[Floats]:
    """Yield the constants of which one can be the best for a metric, each ``(U,)``."""
    task, values, weights = data.task, data.values[data.train], data.weights_of(data.train)
    all_weights = [weights] if weights is None else [weights, None]
    if task.embeds:
        yield from (np.array([1.0]), np.array([-1.0]))
    elif task.has_classes:
        count = len(data.target.classes)
        shares = [np.bincount(values.astype(np.int64), each, count) for each in all_weights]
        frequent = np.eye(count)[np.argsort(-shares[-1], kind="stable")[:2]]
        for candidate in (*(share / share.sum() for share in shares), *frequent):
            yield candidate[1:] if task.class_count == 2 else candidate
    else:
        for each in all_weights:
            yield _in_domain(np.average(values, axis=0, weights=each), data)
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        yield _in_domain((values / np.where(lengths > 0, lengths, 1)).mean(0), data)  # best for the cosine
        for quantile in _QUANTILES:
            yield _in_domain(np.quantile(values, quantile, axis=0), data)


def _in_domain(predictions: Floats, data: TrainingData) -> Floats:
    """Return numbers as the task has them: never below 0, from 0 to 1, or as shares of a whole."""
    task = data.task
    if task.domain is not None and task.domain.rows_sum_to_one:
        shares = np.maximum(predictions, _SMALLEST_SHARE)
        predictions = shares / shares.sum(-1, keepdims=True)
    elif task.has_probabilities:
        predictions = np.clip(predictions, 0, 1)
    elif task.is_nonnegative:
        predictions = np.maximum(predictions, 0 if task.is_whole else data.values[data.train].min())
    return predictions


def _fit_linear(data: TrainingData) -> Predictor:
    """Fit a ridge, Poisson or logistic regression of the standardised features."""
    if data.task.has_classes:
        return _fit_logistic(data)
    return _fit_poisson(data) if data.task.is_whole and data.values.shape[1] == 1 else _fit_ridge(data)


def _fit_ridge(data: TrainingData) -> Predictor:
    """Fit a ridge regression; its penalty is chosen on the training part, each row left out in turn."""
    from sklearn.linear_model import RidgeCV

    features, rows = data.standardised(), data.train
    model = RidgeCV(_RIDGE_PENALTIES).fit(
        features(rows), data.values[rows], sample_weight=data.weights_of(rows)
    )
    columns = data.values.shape[1]
    return lambda chosen: _in_domain(model.predict(features(chosen)).reshape(-1, columns), data)


def _fit_poisson(data: TrainingData) -> Predictor:
    """Fit a Poisson regression to the counts divided by their mean, with the penalty best on validation."""
    from sklearn.linear_model import PoissonRegressor
    from sklearn.metrics import mean_poisson_deviance

    features, rows, validation = data.standardised(), data.train, data.split.validation
    scale = data.values[rows].mean()
    counts, weights = data.values[rows, 0] / scale, data.weights_of(rows)
    true, true_weights = data.values[validation, 0] / scale, data.weights_of(validation)
    read, read_validation = features(rows), features(validation)

    def attempt(penalty: float) -> tuple[float, Any]:
        model = PoissonRegressor(alpha=penalty, max_iter=500).fit(read, counts, sample_weight=weights)
        predicted = np.maximum(model.predict(read_validation), np.finfo(float).tiny)
        return mean_poisson_deviance(true, predicted, sample_weight=true_weights), model

    model = _best([attempt(penalty) for penalty in _POISSON_PENALTIES])
    return lambda chosen: scale * model.predict(features(chosen))[:, None]


def _fit_logistic(data: TrainingData) -> Predictor:
    """Fit a logistic regression, with the penalty best on validation by the logarithm of the probability."""
    from sklearn.linear_model import LogisticRegression

    features, rows, validation = data.standardised(), data.train, data.split.validation
    labels, weights = data.values[rows], data.weights_of(rows)
    if len(np.unique(labels)) == 1:
        return _always_class(data, labels[0])
    read, read_validation = features(rows), features(validation)
    truth, count = data.values[validation].astype(np.int64), data.weights_of(validation)

    def attempt(inverse: float) -> tuple[float, Any]:
        model = LogisticRegression(C=inverse, max_iter=500).fit(read, labels, sample_weight=weights)
        shares = _of_all_classes(data, model.classes_, model.predict_proba(read_validation))
        chosen = np.maximum(shares[np.arange(len(truth)), truth], np.finfo(float).tiny)
        return float(-np.average(np.log(chosen), weights=count)), model

    model = _best([attempt(inverse) for inverse in _INVERSE_PENALTIES])
    return lambda chosen: _probabilities(data, model, features(chosen))


def _fit_boosting(data: TrainingData) -> Predictor:
    """Fit boosted trees that stop by the validation part; a missing feature stays missing."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    options: dict[str, Any] = {"early_stopping": True, "random_state": data.seed}
    rows, features, validation = data.train, data.dataset.features, data.split.validation
    if data.task.has_classes:
        labels = data.values[rows]
        known = np.unique(labels)
        if len(known) == 1:
            return _always_class(data, labels[0])
        validation = validation[np.isin(data.values[validation], known)]
        classifier = _boosted(HistGradientBoostingClassifier(**options), data, data.values, rows, validation)
        return lambda chosen: _probabilities(data, classifier, features[chosen])
    options["loss"] = _objective(data)
    models = [
        _boosted(HistGradientBoostingRegressor(**options), data, column, rows, validation)
        for column in data.values.T
    ]
    return lambda chosen: _in_domain(
        np.stack([model.predict(features[chosen]) for model in models], axis=1), data
    )


def _boosted(model: Any, data: TrainingData, column: Values, rows: Rows, validation: Rows) -> Any:
    features = data.dataset.features
    return model.fit(
        features[rows],
        column[rows],
        sample_weight=data.weights_of(rows),
        X_val=features[validation],
        y_val=column[validation],
        sample_weight_val=data.weights_of(validation),
    )


def _objective(data: TrainingData) -> str:
    """Return the objective of boosted trees that matches the task and the metric."""
    if data.metric.endswith("mae"):
        return "absolute_error"
    if data.task.is_whole:
        return "poisson"
    return "gamma" if data.task.is_nonnegative and "deviance" in data.metric else "squared_error"


def _best(attempts: Sequence[tuple[float, Any]]) -> Any:
    """Return the model with the lowest score; one whose score is not a number comes last."""
    scores = np.nan_to_num([score for score, _ in attempts], nan=np.inf)
    return attempts[int(np.argmin(scores))][1]


def _probabilities(data: TrainingData, model: Any, features: Floats) -> Floats:
    shares = _of_all_classes(data, model.classes_, model.predict_proba(features))
    return shares[:, 1:] if data.task.class_count == 2 else shares


def _of_all_classes(data: TrainingData, known: Values, shares: Floats) -> Floats:
    """Return the probabilities of all classes; a class that is not in the training part gets 0."""
    probabilities = np.zeros((len(shares), len(data.target.classes)))
    probabilities[:, known.astype(np.int64)] = shares
    return probabilities


def _always_class(data: TrainingData, label: Any) -> Predictor:
    """Return the predictor for a training part of a single class."""
    shares = np.eye(len(data.target.classes))[int(label)]
    return _always(shares[1:] if data.task.class_count == 2 else shares)
