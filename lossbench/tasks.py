"""The tasks: one record for each kind of target, with everything that follows from the kind.

A record says which encodings its targets can take, which metrics judge its predictions, and how predictions
and targets are read. Nothing outside this file asks for a task by name. To add a task, write one record here
and its metrics in :mod:`lossbench.metrics`.

This module imports neither torch nor NumPy, so that help, catalogue and config checks stay quick. Its
functions use the methods of the arrays and tensors that they are given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

CurveAxis = Literal["error", "score", "prediction"]


@dataclass(frozen=True)
class Encoding:
    """A form in which a loss takes its targets.

    Attributes:
        name: the name, as in ``about.target`` of a loss's YAML.
        curve: the number along which a loss of such targets is drawn; None if it judges several at once.
        one_hot: whether class indices become rows with a single 1.
        signed: whether the classes 0 and 1 become -1 and 1.
        can_be_scaled: whether a loss of such targets can be given them in other units.
    """

    name: str
    curve: CurveAxis | None = None
    one_hot: bool = False
    signed: bool = False
    can_be_scaled: bool = False


_ENCODINGS = (
    Encoding("real", curve="error", can_be_scaled=True),
    Encoding("positive", curve="prediction", can_be_scaled=True),
    Encoding("count", curve="prediction", can_be_scaled=True),
    Encoding("binary", curve="score"),
    Encoding("sign", curve="score", signed=True),
    Encoding("index"),
    Encoding("onehot", one_hot=True),
    Encoding("distribution", one_hot=True),
    Encoding("vector"),
    Encoding("pair"),
    Encoding("triplet"),
)
ENCODINGS: dict[str, Encoding] = {encoding.name: encoding for encoding in _ENCODINGS}


@dataclass(frozen=True)
class Space:
    """The set in which a loss expects its predictions.

    Attributes:
        name: the name, as in ``about.prediction`` of a loss's YAML.
        activation: the output activation that maps any numbers into the space.
        also: other output activations after which the loss still makes sense.
        embeds: whether predictions are embeddings, compared with each other by distance.
        is_quantity: whether a prediction is a quantity in the target's units.
        is_score: whether only sign and order of a prediction count, so that it is not a probability.
    """

    name: str
    activation: str
    also: frozenset[str] = frozenset()
    embeds: bool = False
    is_score: bool = False
    is_quantity: bool = False


_ANY_ACTIVATION = frozenset(
    ["linear", "relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softplus", "unit_length"]
)
_SPACES = (
    Space("real", "linear", also=_ANY_ACTIVATION, is_quantity=True),
    Space("positive", "softplus", is_quantity=True),
    Space("probability", "sigmoid"),
    Space("distribution", "softmax"),
    Space("score", "linear", also=frozenset(["linear", "tanh"]), is_score=True),
    Space("direction", "linear", also=_ANY_ACTIVATION),
    Space("embedding", "linear", also=_ANY_ACTIVATION, embeds=True),
    Space("unit", "unit_length", embeds=True),
)
SPACES: dict[str, Space] = {space.name: space for space in _SPACES}
NONNEGATIVE_SPACE = SPACES["positive"]  # for quantities that are never negative, whatever the loss expects


@dataclass(frozen=True)
class MetricInfo:
    """What is known about a metric before it is computed.

    Attributes:
        name: the name, as in ``metrics=``.
        higher_is_better: its direction.
        is_mean: whether it is a mean over rows, or the root of one, so that rows can be weighted.
        impossible_for: the prediction spaces that cannot give it.
        needs_positive: whether it is undefined for predictions up to 0.
    """

    name: str
    higher_is_better: bool
    is_mean: bool = False
    impossible_for: tuple[str, ...] = ()
    needs_positive: bool = False


_NO_LENGTH, _NO_PROBABILITY = ("direction",), ("score",)
_RMSE = MetricInfo("rmse", False, is_mean=True, impossible_for=_NO_LENGTH)
_MAE = MetricInfo("mae", False, is_mean=True, impossible_for=_NO_LENGTH)
_R2 = MetricInfo("r2", True, impossible_for=_NO_LENGTH)
_POISSON_DEVIANCE = MetricInfo("poisson_deviance", False, is_mean=True, needs_positive=True)
_GAMMA_DEVIANCE = MetricInfo("gamma_deviance", False, is_mean=True, needs_positive=True)
_KL = MetricInfo("kl", False, is_mean=True, impossible_for=_NO_PROBABILITY)
_COSINE = MetricInfo("cosine", True, is_mean=True)
_ACCURACY = MetricInfo("accuracy", True, is_mean=True)
_BALANCED_ACCURACY = MetricInfo("balanced_accuracy", True)
_F1, _PRECISION, _RECALL = (MetricInfo(name, True) for name in ("f1", "precision", "recall"))
_MCC, _AUROC, _IOU = (MetricInfo(name, True) for name in ("mcc", "auroc", "iou"))
_AVERAGE_PRECISION = MetricInfo("average_precision", True)
_LOG_LOSS = MetricInfo("log_loss", False, is_mean=True, impossible_for=_NO_PROBABILITY)
_BRIER = MetricInfo("brier", False, is_mean=True, impossible_for=_NO_PROBABILITY)
_ECE = MetricInfo("ece", False, impossible_for=_NO_PROBABILITY)
_RANKING, _PROBABILISTIC = (_AUROC, _AVERAGE_PRECISION), (_LOG_LOSS, _BRIER, _ECE)
_PRECISION_AT_1, _MAP_AT_R = (MetricInfo(name, True) for name in ("precision_at_1", "map_at_r"))


@dataclass(frozen=True)
class Scaling:
    """The units in which losses are given numbers; each replicate measures them on its training part.

    Attributes:
        units: the units, in words.
        is_centred: whether numbers are shifted by their mean and divided by their standard deviation; if not,
            they are divided by their mean, so that 0 stays 0.
        activations: the activations whose range has no units: they mean the same in any.
    """

    units: str
    is_centred: bool
    activations: frozenset[str]


STANDARD_DEVIATIONS = Scaling(
    "standard deviations of the training part", is_centred=True, activations=frozenset(["linear"])
)
_MEANS = Scaling(
    "multiples of the mean of the training part",
    is_centred=False,
    activations=frozenset(["linear", "relu", "softplus"]),
)


@dataclass(frozen=True)
class Domain:
    """The values that a target may have.

    Attributes:
        contains: maps an array of numbers to an array of truth values.
        value: a value of the domain, in words.
        rows_sum_to_one: whether the columns of a row are shares of a whole.
    """

    contains: Callable[[Any], Any]
    value: str
    rows_sum_to_one: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """A kind of target.

    Attributes:
        name: the name, as in ``data.task`` and in the YAMLs.
        target: what the target is, in words.
        encodings: the names of the encodings in which a loss can be given it.
        metrics: what judges its predictions; :mod:`lossbench.metrics.primary` chooses the primary metric.
        domain: the values a table's cells may have; None for any number, or any label.
        from_table: whether columns of a table can be such a target.
        reads_as: the task whose targets it uses for another purpose; the loss chooses it, not the data.
        has_classes: whether targets are class indices ``(N,)``; else they are numbers ``(N, U)``.
        class_count: how many classes there are, where the task fixes that.
        is_numeric: whether targets are quantities in units, which outliers can corrupt.
        scaling: the units in which networks and losses are given its targets by default; None for the
            user's units.
        is_nonnegative: whether targets, and so predictions, are never below 0.
        is_whole: whether targets are whole numbers.
        has_probabilities: whether predictions are probabilities; only then can a loss read scores instead.
        embeds: whether the network's outputs are embeddings.
        logits: the activation that maps logits, or scores, to what metrics read; None if there is none.
        measure: maps network outputs ``(R, N, ...)`` to what metrics read ``(R, N, U)``; None keeps them.
        smallest_batch: the fewest rows in a batch with which a loss can work.
    """

    name: str
    target: str
    encodings: frozenset[str]
    metrics: tuple[MetricInfo, ...]
    domain: Domain | None = None
    from_table: bool = False
    reads_as: "Task | None" = None
    has_classes: bool = False
    class_count: int | None = None
    is_numeric: bool = False
    scaling: Scaling | None = None
    is_nonnegative: bool = False
    is_whole: bool = False
    has_probabilities: bool = False
    embeds: bool = False
    logits: str | None = None
    measure: Callable[[Any], Any] | None = None
    smallest_batch: int = 1

    def __post_init__(self) -> None:
        if self.scaling is not None and not self.is_numeric:
            raise ValueError(f"{self.name}: only numeric targets are scaled, and given back in their units")

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], "Task"], tuple[str]]:
        return _named, (self.name,)  # a copy, also in another process, is the record itself

    @property
    def source(self) -> "Task":
        """The task as which a data set gives its targets."""
        return self.reads_as or self

    @property
    def retrieves(self) -> bool:
        """Whether a row's class is predicted by its nearest neighbour among the embeddings."""
        return self.embeds and self.has_classes

    def metric(self, name: str) -> MetricInfo:
        """Return the facts of one of its metrics, weighted or not."""
        plain = name.removeprefix("weighted_")
        return next(metric for metric in self.metrics if metric.name == plain)

    def metric_names(self, space: str, *, weighted: bool) -> list[str]:
        """Return the names of the metrics that predictions of a space can give.

        Args:
            space: the name of the prediction space.
            weighted: whether rows have weights; each mean then also has a weighted form.

        >>> REGRESSION.metric_names("real", weighted=True)
        ['rmse', 'weighted_rmse', 'mae', 'weighted_mae', 'r2']
        """
        possible = [metric for metric in self.metrics if space not in metric.impossible_for]
        names = [
            [metric.name, f"weighted_{metric.name}"] if weighted and metric.is_mean else [metric.name]
            for metric in possible
        ]
        return [name for pair in names for name in pair]


def _named(name: str) -> Task:
    return TASKS[name]


def _distance(embeddings: Any, first: int, second: int) -> Any:
    """Return the Euclidean distance between two items, ``(R, N, items, D)`` to ``(R, N, 1)``."""
    return (embeddings[:, :, first] - embeddings[:, :, second]).norm(dim=-1, keepdim=True)


def _pair_distance(embeddings: Any) -> Any:
    return _distance(embeddings, 0, 1)


def _triplet_margin(embeddings: Any) -> Any:
    """Return by how much the second item is nearer to the first than the third is."""
    return _distance(embeddings, 0, 2) - _distance(embeddings, 0, 1)


_POSITIVE = Domain(lambda values: values > 0, "a positive number")
_COUNT = Domain(lambda values: (values >= 0) & (values == values.round()), "a count (0, 1, 2, ...)")
_SHARE = Domain(lambda values: values >= 0, "a share, at least 0", rows_sum_to_one=True)
_BIT = Domain(lambda values: (values == 0) | (values == 1), "0 or 1")

REGRESSION = Task(
    "regression",
    "any real number",
    frozenset(["real"]),
    (_RMSE, _MAE, _R2),
    from_table=True,
    is_numeric=True,
    scaling=STANDARD_DEVIATIONS,
)
POSITIVE = Task(
    "positive",
    "a positive number",
    frozenset(["real", "positive"]),
    (_RMSE, _MAE, _R2, _GAMMA_DEVIANCE),
    domain=_POSITIVE,
    from_table=True,
    is_numeric=True,
    scaling=_MEANS,
    is_nonnegative=True,
    logits="exp",
)
COUNT = Task(
    "count",
    "a count",
    frozenset(["real", "positive", "count"]),
    (_RMSE, _MAE, _R2, _POISSON_DEVIANCE),
    domain=_COUNT,
    from_table=True,
    is_numeric=True,
    scaling=_MEANS,
    is_nonnegative=True,
    is_whole=True,
    logits="exp",
)
BINARY = Task(
    "binary",
    "one of two classes",
    frozenset(["binary", "sign"]),
    (_ACCURACY, _BALANCED_ACCURACY, _F1, _PRECISION, _RECALL, _MCC, *_RANKING, *_PROBABILISTIC),
    from_table=True,
    has_classes=True,
    class_count=2,
    has_probabilities=True,
    logits="sigmoid",
)
MULTICLASS = Task(
    "multiclass",
    "one of several classes",
    frozenset(["index", "onehot", "distribution"]),
    (_ACCURACY, _BALANCED_ACCURACY, _F1, _MCC, _AUROC, *_PROBABILISTIC),
    from_table=True,
    has_classes=True,
    has_probabilities=True,
    logits="softmax",
)
DISTRIBUTION = Task(
    "distribution",
    "a distribution over classes",
    frozenset(["distribution"]),
    (_MAE, _KL, _ACCURACY),
    domain=_SHARE,
    from_table=True,
    has_probabilities=True,
    logits="softmax",
)
VECTOR = Task(
    "vector",
    "a vector whose direction matters",
    frozenset(["vector", "real"]),
    (_COSINE, _RMSE, _MAE, _R2),
    from_table=True,
    is_numeric=True,
    scaling=STANDARD_DEVIATIONS,
)
MASK = Task(
    "mask",
    "several values of 0 or 1",
    frozenset(["binary"]),
    (_IOU, _F1, _ACCURACY, _LOG_LOSS),
    domain=_BIT,
    from_table=True,
    has_probabilities=True,
    logits="sigmoid",
)
PAIR = Task(
    "pair",
    "whether two items belong together (1 or 0)",
    frozenset(["pair"]),
    _RANKING,
    embeds=True,
    measure=_pair_distance,
)
TRIPLET = Task(
    "triplet",
    "which of the last two items belongs to the first (1: the former)",
    frozenset(["triplet"]),
    (_ACCURACY,),
    embeds=True,
    measure=_triplet_margin,
)
RETRIEVAL = Task(
    "retrieval",
    "a class, whose other members are to be retrieved",
    frozenset(["index"]),
    (_PRECISION_AT_1, _MAP_AT_R),
    reads_as=MULTICLASS,
    has_classes=True,
    embeds=True,
    smallest_batch=3,
)

TASKS: dict[str, Task] = {task.name: task for task in tuple(vars().values()) if isinstance(task, Task)}
EMBEDDING_TASKS = tuple(name for name, task in TASKS.items() if task.embeds)
TABLE_TASKS = tuple(name for name, task in TASKS.items() if task.from_table)
