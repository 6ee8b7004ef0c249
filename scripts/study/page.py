"""The page of the study in the documentation."""

from collections.abc import Mapping, Sequence

from study.baselines import BOOSTING, CONSTANT, LINEAR
from study.summary import ACCURACY, LOG_LOSS, RMSE, Judgement

COMMAND = "python scripts/study_tables.py --workers 2 --out outputs/tables --page docs/tables_study.md"
_HEAD = """# Real tables

These tables ship in Python packages; the extra `study` installs them. For each table,
`scripts/study/tables.yaml` states the target, how a careful statistician reads it, and which columns are left
out. lossbench reads the target, proposes losses, and trains each with the default settings. The best loss is
the one with the best mean of the primary metric on validation. The scores are means on the test part.

The baselines are trained on the same rows: the best constant, a linear model (ridge, Poisson or logistic
regression), and scikit-learn's HistGradientBoosting with its defaults.

```bash
{command}
```

| measure | value |
|---|---|
"""
_SHARED = ("table", "source", "rows", "features", "target", "expert", "lossbench", "loss")
_REST = ("ratio", "late", "constant beaten")
_NOTES = """
In the tables below, `loss` is the best one. Of classes it is the one with the best log loss on validation,
because a loss that gives no probabilities can be the best. `ratio` is its error over that of the better of
linear model and boosting; the error is the rmse, or the log loss of classes. `late` is the share of
replicates of all losses whose best epoch lies in the last 2 % of the budget. `constant beaten` compares the
primary metric of the best loss with that of the constant.
"""


def page(
    judgements: Sequence[Judgement], lines: Mapping[str, str], seeds: int, failures: Sequence[str]
) -> str:
    """Return the page: the figures over all tables, and one line per table."""
    numbers = [judgement for judgement in judgements if not judgement.has_classes]
    classes = [judgement for judgement in judgements if judgement.has_classes]
    figures = [f"| {name} | {value} |" for name, value in {**_size(judgements, seeds), **lines}.items()]
    parts = [_HEAD.format(command=COMMAND) + "\n".join(figures) + "\n" + _NOTES]
    if failures:
        parts.append(f"Without scores: {', '.join(failures)}.\n")
    if numbers:
        parts.append("## Numbers\n\nScores are the rmse.\n\n" + _table(numbers, [RMSE]))
    if classes:
        parts.append(
            "## Classes\n\nScores are log loss and accuracy.\n\n" + _table(classes, [LOG_LOSS, ACCURACY])
        )
    return "\n".join(parts)


def _size(judgements: Sequence[Judgement], seeds: int) -> dict[str, str]:
    return {"tables": str(len(judgements)), "seeds of each table": str(seeds)}


def _table(judgements: Sequence[Judgement], metrics: Sequence[str]) -> str:
    """Return the lines of some tables, with the scores of these metrics."""
    header = [*_SHARED, "score", CONSTANT, LINEAR, BOOSTING, *_REST]
    rows = [header, ["---"] * len(header), *(_cells(judgement, metrics) for judgement in judgements)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def _cells(judgement: Judgement, metrics: Sequence[str]) -> list[str]:
    record = judgement.record
    late = sum(judgement.late) / len(judgement.late) if judgement.late else 0.0
    return [
        record["key"],
        record["source"],
        str(record["rows"]),
        str(record["features"]),
        f"{record['target']}: {record['kind']}",
        " or ".join(record["expert"]),
        (record["read_as"] or "refused") + ("" if record["is_right"] else " (wrong)"),
        judgement.scored or "none",
        *(_score(judgement.scores[name], metrics) for name in ("best", CONSTANT, LINEAR, BOOSTING)),
        "-" if judgement.ratio is None else f"{judgement.ratio:.3f}",
        f"{late:.0%}".replace("%", " %"),
        "yes" if judgement.beats_constant else "no",
    ]


def _score(scores: Mapping[str, float], metrics: Sequence[str]) -> str:
    return " / ".join(f"{scores[name]:.4g}" if name in scores else "-" for name in metrics)
