"""What the records of the study say: the best loss of each table, and the shares over all tables."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbench import tasks
from lossbench.errors import UserError
from lossbench.tasks import TASKS
from study.baselines import BOOSTING, CONSTANT, LINEAR
from study.networks import late

Record = Mapping[str, Any]
RMSE, LOG_LOSS, ACCURACY = "rmse", "log_loss", "accuracy"
MOST_LOG_LOSS, ADDED_LOG_LOSS, LESS_ACCURACY = 1.05, 0.005, 0.01
LARGEST_CHANGE = 0.02  # of the primary metric, with ten times the budget


@dataclass(frozen=True)
class Judgement:
    """What the record of a table says.

    Attributes:
        record: the record.
        best: the loss with the best primary metric on validation; None if no loss has one on every seed.
        scored: the loss whose scores are shown: the best one; of classes the one with the best log loss on
            validation, because the best one may give no probabilities.
        scores: by ``best`` and the name of a baseline, the mean of each metric on the test part.
        beats_constant: whether the best loss has a better primary metric than the constant on the test part.
        linear_beats_constant: the same for the linear model.
        late: of each replicate of each loss, whether its best epoch lies at the end of the budget.
    """

    record: Record
    best: str | None
    scored: str | None
    scores: Mapping[str, Mapping[str, float]]
    beats_constant: bool
    linear_beats_constant: bool
    late: Sequence[bool]

    @property
    def has_classes(self) -> bool:
        """Whether the target was trained as classes."""
        return TASKS[self.record["task"]].has_classes

    @property
    def is_count(self) -> bool:
        """Whether the expert prefers to read the target as a count."""
        return TASKS[self.record["expert"][0]] == tasks.COUNT

    @property
    def ratio(self) -> float | None:
        """The error of the best loss over that of the better of linear model and boosting."""
        metric = LOG_LOSS if self.has_classes else RMSE
        error = self.scores["best"].get(metric)
        return (
            None if error is None else error / min(self.scores[name][metric] for name in (LINEAR, BOOSTING))
        )

    @property
    def has_its_log_loss(self) -> bool:
        """Whether the best loss has the log loss of the better baseline, or nearly."""
        most = MOST_LOG_LOSS * self._better_model[LOG_LOSS] + ADDED_LOG_LOSS
        return self.scores["best"].get(LOG_LOSS, math.inf) <= most

    @property
    def has_its_accuracy(self) -> bool:
        """Whether the best loss has the accuracy of the baseline with the better log loss, or nearly."""
        return self.scores["best"].get(ACCURACY, 0) >= self._better_model[ACCURACY] - LESS_ACCURACY

    @property
    def keeps_up(self) -> bool:
        """Whether the best loss has both."""
        return self.has_its_log_loss and self.has_its_accuracy

    @property
    def _better_model(self) -> Mapping[str, float]:
        return min((self.scores[name] for name in (LINEAR, BOOSTING)), key=lambda scores: scores[LOG_LOSS])

    @property
    def hides_the_constant(self) -> bool:
        """Whether the verdict does not say that the best loss is no better than the constant."""
        return not self.beats_constant and "constant" not in self.record["verdict"]


def primary_of(losses: Mapping[str, Any]) -> str:
    """Return the primary metric of the first loss that was trained.

    Raises:
        UserError: no loss was trained.
    """
    for loss in losses.values():
        if loss["status"] == "completed":
            return str(loss["primary"])
    reasons = {loss.get("error", loss["status"]) for loss in losses.values()}
    raise UserError(f"no loss was trained: {'; '.join(sorted(reasons))}")


def having(losses: Mapping[str, Any], metric: str) -> list[str]:
    """Return the losses that were trained and have a metric on test."""
    trained = {name: loss for name, loss in losses.items() if loss["status"] == "completed"}
    return [name for name, loss in trained.items() if f"test/{metric}" in loss["metrics"]]


def best_loss(record: Record, metric: str | None = None) -> str | None:
    """Return the loss with the best mean metric on validation; None if none has it on every seed.

    Args:
        record: the record of a table.
        metric: the metric; by default the primary one.
    """
    metric = metric or primary_of(record["losses"])
    losses = {name: record["losses"][name] for name in having(record["losses"], metric)}
    key = f"validation/{metric}"
    means = {
        name: statistics.fmean(loss["metrics"][key]) * (1 if loss["directions"][metric] else -1)
        for name, loss in losses.items()
        if None not in loss["metrics"].get(key, [None])
    }
    return max(means, key=means.__getitem__) if means else None


def judged(record: Record) -> Judgement:
    """Return what a record says."""
    best = best_loss(record)
    models = {name: _means(scores) for name, scores in record["baselines"].items()}
    replicates = [
        is_late
        for loss in record["losses"].values()
        for is_late in late(loss.get("replicates", []), record["epochs"])
    ]
    if best is None:
        return Judgement(record, None, None, {"best": {}, **models}, False, False, replicates)
    loss, metric = record["losses"][best], primary_of(record["losses"])
    sign = 1 if loss["directions"][metric] else -1
    scored = (best_loss(record, LOG_LOSS) or best) if TASKS[record["task"]].has_classes else best
    scores = {"best": _means(_of_test(record["losses"][scored]["metrics"])), **models}
    constant = sign * scores[CONSTANT][metric]
    reached = sign * _means(_of_test(loss["metrics"]))[metric]
    return Judgement(
        record,
        best,
        scored,
        scores,
        beats_constant=reached > constant,
        linear_beats_constant=sign * scores[LINEAR][metric] > constant,
        late=replicates,
    )


def share(flags: Sequence[bool]) -> str:
    """Return how many of some statements hold, as text.

    >>> share([True, True, False, False, False])
    '2 of 5 (40.0 %)'
    """
    return (
        f"{sum(flags)} of {len(flags)} ({sum(flags) / len(flags):.1%})".replace("%", " %")
        if flags
        else "none"
    )


def summary(judgements: Sequence[Judgement], longer: Sequence[Record]) -> dict[str, str]:
    """Return the figures over all tables, by what they measure."""
    classes = [judgement for judgement in judgements if judgement.has_classes]
    numbers = [judgement for judgement in judgements if not judgement.has_classes]
    below = [table for table in judgements if not table.beats_constant and table.linear_beats_constant]
    hidden = [table for table in judgements if table.hides_the_constant]
    lines = {
        "targets read as an expert reads them": share([table.record["is_right"] for table in judgements]),
        "tables on which the best loss does not beat the constant, but a linear model does": _named(below),
        "tables on which the best loss does not beat the constant, and the verdict does not say so": _named(
            hidden
        ),
        "median rmse of the best loss over the better of linear model and boosting, without counts": _median(
            [table for table in numbers if not table.is_count]
        ),
        "the same for counts": _median([table for table in numbers if table.is_count]),
        f"tables of classes with a log loss of at most {MOST_LOG_LOSS} times the better baseline's "
        f"+ {ADDED_LOG_LOSS}": share([table.has_its_log_loss for table in classes]),
        "tables of classes with an accuracy at most a point below that baseline's": share(
            [table.has_its_accuracy for table in classes]
        ),
        "both": share([table.keeps_up for table in classes]),
        "replicates with the best epoch in the last 2 % of the budget": share(
            [is_late for table in judgements for is_late in table.late]
        ),
    }
    if longer:
        lines["tables whose primary metric changes by less than 2 % with ten times the budget"] = share(
            [is_stable(record) for record in longer]
        )
    return lines


def is_stable(record: Record) -> bool:
    """Return whether ten times the budget changes the primary metric by less than 2 %.

    >>> is_stable({"usual": 0.5, "longer": 0.505}), is_stable({"usual": 0.5, "longer": 0.48})
    (True, False)
    """
    return bool(abs(record["longer"] - record["usual"]) < LARGEST_CHANGE * abs(record["usual"]))


def _named(judgements: Sequence[Judgement]) -> str:
    names = ", ".join(judgement.record["key"] for judgement in judgements)
    return f"{len(judgements)} ({names})" if names else "0"


def _median(judgements: Sequence[Judgement]) -> str:
    ratios = [table.ratio for table in judgements if table.ratio is not None]
    return f"{statistics.median(ratios):.3f}" if ratios else "none"


def _of_test(metrics: Mapping[str, Any]) -> dict[str, Any]:
    part = "test/"
    return {name.removeprefix(part): values for name, values in metrics.items() if name.startswith(part)}


def _means(scores: Mapping[str, Sequence[float | None]]) -> dict[str, float]:
    """Return the mean over the seeds on which a metric is defined."""
    known = {
        name: [value for value in values if value is not None and value == value]
        for name, values in scores.items()
    }
    return {name: statistics.fmean(values) for name, values in known.items() if values}
