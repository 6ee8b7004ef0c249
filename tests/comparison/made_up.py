"""A made-up comparison with everything that a comparison can hold or lack, and curves for it."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd

from lossbench.comparison import inference
from lossbench.comparison.curves import LossCurve
from lossbench.comparison.model import (
    Comparison,
    Excluded,
    Group,
    Matrix,
    MatrixRow,
    Pair,
    SharedPair,
    SharedSetting,
    Summary,
    Trial,
    TunedSetting,
    Tuning,
)
from lossbench.losses.curves import loss_curves_of
from lossbench.registry import canonical_loss

# By label: the loss, how much better or worse it is, and its config
LOSSES = {
    "mse": ("mse", 0.0, {}),
    "mae": ("mae", 0.9, {}),
    "huber delta=0.5": ("huber", -1.9, {"loss.delta": 0.5}),
    "huber delta=1": ("huber", -0.8, {"loss.delta": 1.0}),
    "log_cosh": ("log_cosh", -0.5, {}),
}
RATES = {"diabetes outliers=0.0": 0.0, "diabetes outliers=0.1": 0.1}  # two blocks of one data set
METRICS = ("rmse", "mae", "medae", "r2")
COMMANDS = (
    "python train.py -m loss=huber loss.delta=0.5,1 replicates=20 hydra.sweep.dir=outputs/huber",
    "python train.py -m loss=mse,mae,log_cosh replicates=20 hydra.sweep.dir=outputs/rest",
    "python scripts/compare.py outputs/huber outputs/rest --metric test/rmse",
)


def comparison(data=("diabetes",), losses=LOSSES, n=20, tuned=False):
    generator = np.random.default_rng(7)
    groups, pairs, rows = [], [], []
    for index, name in enumerate(data):
        level, scale = (57.4, 3.0) if index == 0 else (0.6213, 0.03)
        shared = generator.normal(0, 1, n)
        scores = {
            label: level + scale * (0.35 * shift + 0.8 * shared + generator.normal(0, 0.35, n))
            for label, (_, shift, _) in losses.items()
        }
        groups += [_group(label, *losses[label], name, scores[label]) for label in losses]
        rows += [_row(label, *losses[label], name, scores[label]) for label in losses]
        labels = list(losses)
        pairs += [
            _pair(a, b, name, scores[a] - scores[b]) for i, a in enumerate(labels) for b in labels[i + 1 :]
        ]
    groups[-1] = _with_divergence(groups[-1])
    empty = {"ci95": (None, None), "p_value": None, "p_wilcoxon": None, "p_adjusted": None}
    pairs[-1] = replace(pairs[-1], **empty, decision="too_few_seeds")
    means = [[group.summary.mean for group in groups if group.data == name] for name in data]
    made = Comparison(
        metric="test/rmse",
        higher_is_better=False,
        reference="mse",
        verdict="huber delta=0.5 is better than every other loss on diabetes, by test/rmse.\n"
        "Between mse and mae the 20 seeds cannot decide; about 48 would.",
        varied=("loss.delta",),
        groups=tuple(groups),
        pairs=tuple(pairs),
        matrix=Matrix(METRICS, (False, False, False, True), tuple(rows)),
        across_data=inference.across(means, list(losses)) if len(data) > 1 else None,
        commands=COMMANDS,
        excluded=(
            Excluded("huber-3f9ac1", "failed: the target holds 3 values that are not finite"),
            Excluded("log_cosh-0b77de", "trained on other rows: its split differs from the rest"),
        ),
    )
    return _tuned(made) if tuned else made


def _group(label, loss, shift, config, data, scores):
    wide = 2.09 * scores.std() / np.sqrt(len(scores))
    mean, median = scores.mean(), np.median(scores)
    summary = Summary(
        n=len(scores),
        diverged=0,
        mean=mean,
        mean_ci95=(mean - wide, mean + wide),
        median=median,
        median_ci95=(median - 1.2 * wide, median + 1.3 * wide),
    )
    return Group(
        loss=loss,
        label=label,
        data=data,
        data_set=data.partition(" ")[0],
        config=config,
        parameters={key.removeprefix("loss."): value for key, value in config.items()},
        block={"data.outliers": RATES[data]} if data in RATES else {"data.name": data},
        tuned=None,
        summary=summary,
        folders=(f"outputs/{loss}",),
        seeds=tuple(range(len(scores))),
        scores=tuple(scores.tolist()),
    )


def _row(label, loss, shift, config, data, scores):
    mean = scores.mean()
    values = (mean, mean * 0.81 + 0.3 * (loss == "mse"), mean * 0.68, 0.46 - 0.01 * shift)
    return MatrixRow(label, data, values, (loss == "mse", loss == "mae", False, False))


def _pair(a, b, data, differences):
    mean, wide = differences.mean(), 2.09 * differences.std() / np.sqrt(len(differences))
    p = float(np.exp(-2.2 * abs(mean) / wide))
    decided = p * 10 < 0.05
    return Pair(
        a=a,
        b=b,
        data=data,
        n=len(differences),
        difference=mean,
        ci95=(mean - wide, mean + wide),
        p_value=p,
        p_wilcoxon=min(1.0, p * 1.3),
        p_adjusted=min(1.0, p * 10),
        probability_a_better=float((differences < 0).mean()),
        probability_ci95=(0.48, 0.86),
        decision=("a_better" if mean < 0 else "b_better") if decided else "undecided",
        seeds_needed=None if decided else 48,
    )


def _with_divergence(group):
    """Two seeds diverged, and there is no interval."""
    summary = replace(group.summary, n=group.summary.n - 2, diverged=2, mean_ci95=(None, None))
    return replace(group, seeds=group.seeds[2:], scores=group.scores[2:], summary=summary)


def _tuned(made):
    groups = tuple(
        replace(
            group,
            tuned=TunedSetting({"optimizer.lr": 0.01}, 3),
            same=SharedSetting({"optimizer.lr": 0.1}, group.summary),
        )
        for group in made.groups
    )
    pairs = tuple(
        replace(
            pair,
            same=SharedPair(pair.n, pair.difference, pair.ci95, pair.p_value, pair.p_adjusted, pair.decision),
        )
        for pair in made.pairs
    )
    trials = tuple(
        _trial(group, rate, 0.03 * group.summary.mean * (index - 1) ** 2)
        for group in groups
        for index, rate in enumerate((0.1, 0.01, 0.001))
    )
    return replace(made, groups=groups, pairs=pairs, tuning=Tuning(("optimizer.lr",), len(trials), trials))


def _trial(group, rate, worse):
    summary = group.summary
    return Trial(
        label=group.label,
        data=group.data,
        setting={"optimizer.lr": rate},
        tuned=rate == 0.01,
        same=rate == 0.1,
        summary=replace(
            summary,
            mean=summary.mean + worse,
            mean_ci95=tuple(end and end + worse for end in summary.mean_ci95),
        ),
        validation_mean=summary.mean + 2 * worse,
        validation_mean_ci95=tuple(end and end + 2 * worse for end in summary.mean_ci95),
    )


def renamed(content, old, new):
    """The same with another text wherever a text is equal to the old one."""
    if is_dataclass(content):
        return replace(
            content, **{f.name: renamed(getattr(content, f.name), old, new) for f in fields(content)}
        )
    if isinstance(content, dict):
        return {renamed(key, old, new): renamed(value, old, new) for key, value in content.items()}
    if isinstance(content, tuple):
        return tuple(renamed(value, old, new) for value in content)
    return new if content == old else content


def learning_curves(labels=tuple(LOSSES), epochs=100, seeds=8):
    generator = np.random.default_rng(3)
    frames = {}
    for index, label in enumerate(labels):
        epoch = np.tile(np.arange(1, epochs + 1), seeds)
        seed = np.repeat(np.arange(seeds), epochs)
        speed, start = 12 + 4 * index, 1 + 0.15 * generator.normal(0, 1, seeds)[seed]
        train = (0.25 + 0.05 * index) + start * np.exp(-epoch / speed)
        validation = train + 0.08 + 0.0006 * epoch
        frames[label] = pd.DataFrame(
            {
                "seed": seed,
                "epoch": epoch,
                "train/loss": train + generator.normal(0, 0.01, len(epoch)),
                "validation/loss": validation + generator.normal(0, 0.02, len(epoch)),
                "validation/rmse": 55 + 22 * validation - index + generator.normal(0, 0.6, len(epoch)),
            }
        )
    return frames


def loss_curves():
    """Of the losses above under their own names, and a hinge, which depends on another number."""
    groups = [{"label": "hinge", "loss": "hinge", "parameters": {}}]
    for label, (loss, _, config) in LOSSES.items():
        parameters = {key.removeprefix("loss."): value for key, value in config.items()}
        groups.append({"label": label, "loss": canonical_loss(loss), "parameters": parameters})
    return {label: LossCurve(**curve) for label, curve in loss_curves_of(groups).items()}
