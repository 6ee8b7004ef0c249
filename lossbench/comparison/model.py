"""The comparison as a typed object: what ``compare`` returns and every report renders."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

SCHEMA_VERSION = 1

Ends = tuple[float | None, float | None]  # the ends of an interval; None if there are too few seeds for one
Decision = Literal["a_better", "b_better", "undecided", "too_few_seeds", "too_few_data_sets"]

_NO_ENDS: Ends = (None, None)
_SPREAD = {"spread": True}  # in JSON, the keys of this field stand beside the other fields
_OPTIONAL = {"optional": True}  # in JSON, no key where the value is None


@dataclass(frozen=True)
class Summary:
    """The scores of one group of runs, summarised over the seeds.

    Attributes:
        n: the number of seeds with a finite score.
        diverged: the number of seeds without one, which are in none of the other numbers.
        mean: the mean; None where no score is finite.
        mean_ci95: its 95% interval.
        median: the median; None where no score is finite.
        median_ci95: its 95% interval.
    """

    n: int
    diverged: int
    mean: float | None = None
    mean_ci95: Ends = _NO_ENDS
    median: float | None = None
    median_ci95: Ends = _NO_ENDS


@dataclass(frozen=True)
class TunedSetting:
    """The setting that validation chose for one loss, and the number of runs that the choice took."""

    setting: Mapping[str, Any] = field(metadata=_SPREAD)
    runs: int


@dataclass(frozen=True)
class SharedSetting:
    """The setting that validation chose for all losses of a block together, and a loss's scores at it."""

    setting: Mapping[str, Any] = field(metadata=_SPREAD)
    summary: Summary = field(metadata=_SPREAD)


@dataclass(frozen=True)
class AgainstConstant:
    """A loss compared with the best constant on the same rows.

    Attributes:
        n: the number of seeds at which both have a finite score.
        difference: the mean of the loss minus the constant.
        p_value: the one-sided p-value of the corrected resampled t-test; None where it was not tested.
        p_adjusted: ``p_value`` after Holm's correction for all losses of the block.
        beats: whether the loss beats the constant; None where that was not tested.
        passes: whether the loss may be called better than another: it beats the constant, or that was not
            tested and its mean is better.
        not_tested: why it was not tested; None where it was.
    """

    n: int
    difference: float
    p_value: float | None
    p_adjusted: float | None
    beats: bool | None
    passes: bool
    not_tested: str | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True)
class Baseline:
    """A baseline on one block of data, trained on the rows of the losses.

    Attributes:
        name: ``constant``, ``linear`` or ``boosting``.
        data: the block of data.
        summary: the summary of the scores.
        seeds: the seeds with a finite score.
        scores: one score for each of them.
        duration_s: the time that its training took, in seconds.
        left_out: why the data has no such baseline; None where it has one.
    """

    name: str
    data: str
    summary: Summary = field(metadata=_SPREAD)
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    duration_s: float
    left_out: str | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True)
class Group:
    """A loss with its parameters on one block of data, at the setting that was chosen for it.

    Attributes:
        loss: the loss's canonical name.
        label: the name in reports, which includes the parameters that vary.
        data: the name of the block in reports, which includes the ``data.*`` keys that vary.
        data_set: the data set of the block; two rates of corruption make two blocks of one data set.
        config: the keys of the loss that vary between the runs compared.
        parameters: all parameters of the loss.
        block: the ``data.*`` keys that vary between the runs compared.
        tuned: the setting that was chosen for this loss; None where nothing was tuned.
        summary: the summary of the scores.
        folders: the runs.
        seeds: the seeds with a finite score.
        scores: one score for each of them.
        same: this loss at the setting that all losses share; None where nothing was tuned.
        not_converged: the number of seeds that did not converge; None where that is not recorded.
        against_constant: the loss compared with the best constant; None where there is none.
    """

    loss: str
    label: str
    data: str
    data_set: str
    config: Mapping[str, Any]
    parameters: Mapping[str, Any]
    block: Mapping[str, Any]
    tuned: TunedSetting | None
    summary: Summary = field(metadata=_SPREAD)
    folders: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    same: SharedSetting | None = field(default=None, metadata=_OPTIONAL)
    not_converged: int | None = field(default=None, metadata=_OPTIONAL)
    against_constant: AgainstConstant | None = field(default=None, metadata=_OPTIONAL)

    @property
    def may_win(self) -> bool:
        """Whether the loss may be called better than another: no constant is as good."""
        return self.against_constant is None or self.against_constant.passes


@dataclass(frozen=True)
class SharedPair:
    """A pair of losses at the setting that all losses share."""

    n: int
    difference: float | None
    ci95: Ends
    p_value: float | None
    p_adjusted: float | None
    decision: Decision


@dataclass(frozen=True)
class Pair:
    """Two losses on one block of data, compared seed by seed.

    Attributes:
        a: the label of the first loss.
        b: the label of the second loss.
        data: the block of data.
        n: the number of seeds at which both have a finite score.
        difference: the mean of ``a`` minus ``b``.
        ci95: its 95% interval.
        p_value: the p-value of the sign-flip test.
        p_wilcoxon: the p-value of Wilcoxon's signed-rank test.
        p_adjusted: ``p_value`` after Holm's correction for all pairs of the block.
        probability_a_better: the probability that ``a`` beats ``b`` on one seed.
        probability_ci95: its 95% interval.
        decision: which loss is better, or why that is not decided.
        seeds_needed: the number of seeds that would decide, if that can be estimated.
        same: the pair at the setting that all losses share; None where nothing was tuned.
    """

    a: str
    b: str
    data: str
    n: int
    difference: float | None = None
    ci95: Ends = _NO_ENDS
    p_value: float | None = None
    p_wilcoxon: float | None = None
    p_adjusted: float | None = None
    probability_a_better: float | None = None
    probability_ci95: Ends = _NO_ENDS
    decision: Decision = "too_few_seeds"
    seeds_needed: int | None = None
    same: SharedPair | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True)
class MatrixRow:
    """The mean of each metric for a loss on a block; ``same`` marks the metric that it optimises directly."""

    label: str
    data: str
    values: tuple[float | None, ...]
    same: tuple[bool, ...]


@dataclass(frozen=True)
class Matrix:
    """Every loss evaluated by every metric that all runs have on the test part."""

    metrics: tuple[str, ...]
    higher_is_better: tuple[bool, ...]
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True)
class DataSetPair:
    """Two losses compared over data sets, each of which counts once."""

    a: str
    b: str
    n: int
    median_difference: float
    p_value: float
    p_adjusted: float
    decision: Decision


@dataclass(frozen=True)
class AcrossData:
    """The losses compared over several data sets.

    Attributes:
        n: the number of data sets.
        statistic: the statistic of Friedman's test.
        p_value: the p-value of Friedman's test.
        mean_ranks: the mean rank of each loss, by label; rank 1 is the best.
        pairs: all pairs of losses.
    """

    n: int
    statistic: float
    p_value: float
    mean_ranks: Mapping[str, float]
    pairs: tuple[DataSetPair, ...]


@dataclass(frozen=True)
class Trial:
    """A loss on one block of data at one setting that was tried.

    Attributes:
        label: the loss.
        data: the block of data.
        setting: the setting.
        tuned: whether validation chose this setting for this loss.
        same: whether validation chose this setting for all losses of the block together.
        summary: the scores by the primary metric.
        validation_mean: the mean on the validation part; None where no score is finite.
        validation_mean_ci95: its 95% interval.
    """

    label: str
    data: str
    setting: Mapping[str, Any]
    tuned: bool
    same: bool
    summary: Summary = field(metadata=_SPREAD)
    validation_mean: float | None
    validation_mean_ci95: Ends


@dataclass(frozen=True)
class Tuning:
    """What was tuned: the keys, the number of runs that it took, and every setting that was tried."""

    keys: tuple[str, ...]
    runs: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Excluded:
    """A run that is excluded from all numbers, and the reason."""

    folder: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """Losses compared by one metric.

    Attributes:
        metric: the primary metric, as ``test/rmse``.
        higher_is_better: its direction.
        metric_note: why it is this one, where the runs monitored different metrics.
        reference: the label of the loss that all others are compared with; None where all pairs are.
        varied: the config keys that vary between the runs.
        groups: every loss on every block of data, the best of a block first.
        pairs: the pairs of losses on each block.
        matrix: every loss evaluated by every metric.
        across_data: the losses over several data sets; None if there is only one.
        baselines: the baselines of every block; None where none is recorded.
        tuning: the settings that were tried; None where nothing was tuned.
        excluded: the runs that are excluded from all numbers.
        commands: the commands that trained the runs, as they can be pasted.
        verdict: the result in words.
    """

    metric: str
    higher_is_better: bool
    reference: str | None
    varied: tuple[str, ...]
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    matrix: Matrix
    across_data: AcrossData | None = None
    baselines: tuple[Baseline, ...] | None = field(default=None, metadata=_OPTIONAL)
    tuning: Tuning | None = None
    excluded: tuple[Excluded, ...] = ()
    commands: tuple[str, ...] = ()
    metric_note: str | None = field(default=None, metadata=_OPTIONAL)
    verdict: str = ""

    @property
    def blocks(self) -> tuple[str, ...]:
        """The names of the blocks of data, in the order of the groups."""
        return tuple(dict.fromkeys(group.data for group in self.groups))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the losses, in the order of the groups."""
        return tuple(dict.fromkeys(group.label for group in self.groups))

    @property
    def metric_name(self) -> str:
        """The primary metric without the part of the data that it is evaluated on."""
        return self.metric.partition("/")[2]

    def groups_on(self, data: str) -> tuple[Group, ...]:
        """Return the losses on one block of data."""
        return tuple(group for group in self.groups if group.data == data)

    def baselines_on(self, data: str) -> tuple[Baseline, ...]:
        """Return the baselines of one block of data."""
        return tuple(baseline for baseline in self.baselines or () if baseline.data == data)

    def winner(self, pair: Pair, decision: Decision | None = None) -> str | None:
        """Return the label of the loss that is better; None if none is, or if it does not beat the constant.

        Args:
            pair: one of the pairs.
            decision: what was decided; by default the decision of the pair.
        """
        favored = favored_by(pair, decision or pair.decision)
        groups = {group.label: group for group in self.groups_on(pair.data)}
        return favored if favored is not None and groups[favored].may_win else None

    def winner_over_data(self, pair: DataSetPair) -> str | None:
        """Return the label of the loss that is better over the data sets; None if it beats no constant."""
        favored = favored_by(pair, pair.decision)
        able = {group.label for group in self.groups if group.may_win}
        return favored if favored in able else None

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``comparison.json``: numbers, texts, lists and dicts alone."""
        return {"schema_version": SCHEMA_VERSION, **plain(self)}


def favored_by(pair: Pair | DataSetPair, decision: Decision) -> str | None:
    """Return the label of the loss that a decision favors; None where it favors neither."""
    return {"a_better": pair.a, "b_better": pair.b}.get(decision)


def plain(value: Any) -> Any:
    """Return dataclasses and mappings as dicts, and sequences as lists, as JSON holds them."""
    if is_dataclass(value):
        content: dict[str, Any] = {}
        for each in fields(value):
            part = plain(getattr(value, each.name))
            if "spread" in each.metadata:
                content |= part
            elif part is not None or "optional" not in each.metadata:
                content[each.name] = part
        return content
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
