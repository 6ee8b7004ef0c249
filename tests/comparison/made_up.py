"""A comparison as compare would write it, made up: two data sets, and everything that may be missing."""

import numpy as np
import pandas as pd

from lossbench.comparison import inference
from lossbench.losses.curves import loss_curves_of
from lossbench.registry import canonical_loss

LOSSES = {
    "mse": ("mse", 0.0, {}),
    "mae": ("mae", 0.9, {}),
    "huber delta=0.5": ("huber", -1.9, {"loss.delta": 0.5}),
    "huber delta=1": ("huber", -0.8, {"loss.delta": 1.0}),
    "log_cosh": ("log_cosh", -0.5, {}),
}
DESCRIBED = ("n", "diverged", "mean", "mean_ci95", "median", "median_ci95")
RATES = {"diabetes outliers=0.0": 0.0, "diabetes outliers=0.1": 0.1}  # two blocks of one data set
METRICS = ["rmse", "mae", "medae", "r2"]
COMMANDS = [
    "python train.py -m loss=huber loss.delta=0.5,1 replicates=20 hydra.sweep.dir=outputs/huber",
    "python train.py -m loss=mse,mae,log_cosh replicates=20 hydra.sweep.dir=outputs/rest",
    "python scripts/compare.py outputs/huber outputs/rest --metric test/rmse",
]


def comparison(data=("diabetes",), losses=LOSSES, n=20, tuned=False):
    generator = np.random.default_rng(7)
    groups, pairs, rows = [], [], []
    for place, name in enumerate(data):
        level, scale = (57.4, 3.0) if place == 0 else (0.6213, 0.03)
        shared = generator.normal(0, 1, n)
        found = {}
        for label, (loss, shift, config) in losses.items():
            scores = level + scale * (0.35 * shift + 0.8 * shared + generator.normal(0, 0.35, n))
            found[label] = scores
            wide = 2.09 * scores.std() / np.sqrt(n)
            mean, median = scores.mean(), np.median(scores)
            groups.append(
                {
                    "loss": loss,
                    "label": label,
                    "data": name,
                    "data_set": name.partition(" ")[0],
                    "config": config,
                    "parameters": {key.removeprefix("loss."): value for key, value in config.items()},
                    "block": {"data.outliers": RATES[name]} if name in RATES else {"data.name": name},
                    "tuned": {"optimizer.lr": 0.01, "runs": 3} if tuned else None,
                    "folders": [f"outputs/{loss}"],
                    "n": n,
                    "diverged": 0,
                    "mean": mean,
                    "mean_ci95": [mean - wide, mean + wide],
                    "median": median,
                    "median_ci95": [median - 1.2 * wide, median + 1.3 * wide],
                    "scores": scores.tolist(),
                    "seeds": list(range(n)),
                }
            )
            values = [mean, mean * 0.81 + 0.3 * (loss == "mse"), mean * 0.68, 0.46 - 0.01 * shift]
            rows.append(
                {
                    "label": label,
                    "data": name,
                    "values": values,
                    "same": [loss == "mse", loss == "mae", False, False],
                }
            )
        labels = list(losses)
        for a, b in [(a, b) for i, a in enumerate(labels) for b in labels[i + 1 :]]:
            apart = found[a] - found[b]
            wide = 2.09 * apart.std() / np.sqrt(n)
            p = float(np.exp(-2.2 * abs(apart.mean()) / wide))
            decided = p * 10 < 0.05
            pairs.append(
                {
                    "a": a,
                    "b": b,
                    "data": name,
                    "n": n,
                    "difference": apart.mean(),
                    "ci95": [apart.mean() - wide, apart.mean() + wide],
                    "p_value": p,
                    "p_wilcoxon": min(1.0, p * 1.3),
                    "p_adjusted": min(1.0, p * 10),
                    "probability_a_better": float((apart < 0).mean()),
                    "probability_ci95": [0.48, 0.86],
                    "decision": ("a_better" if apart.mean() < 0 else "b_better") if decided else "undecided",
                    "seeds_needed": None if decided else 48,
                }
            )
    groups[-1]["diverged"] = 2
    groups[-1]["scores"][1] = None
    groups[-1]["mean_ci95"] = [None, None]
    pairs[-1] |= {
        "ci95": [None, None],
        "p_value": None,
        "p_wilcoxon": None,
        "p_adjusted": None,
        "decision": "too_few_seeds",
    }
    means = [[group["mean"] for group in groups if group["data"] == name] for name in data]
    trials = []
    for group in groups if tuned else []:
        group["same"] = {"optimizer.lr": 0.1, **{key: group[key] for key in DESCRIBED}}
        for place, rate in enumerate((0.1, 0.01, 0.001)):
            more = 0.03 * group["mean"] * (place - 1) ** 2
            trials.append(
                {
                    **{"label": group["label"], "data": group["data"], "setting": {"optimizer.lr": rate}},
                    **{"tuned": rate == 0.01, "same": rate == 0.1},
                    **{key: group[key] for key in DESCRIBED},
                    "mean": group["mean"] + more,
                    "mean_ci95": [end and end + more for end in group["mean_ci95"]],
                    "validation_mean": group["mean"] + 2 * more,
                    "validation_mean_ci95": [end and end + 2 * more for end in group["mean_ci95"]],
                }
            )
    for pair in pairs if tuned else []:
        kept = ("n", "difference", "ci95", "p_value", "p_adjusted", "decision")
        pair["same"] = {key: pair[key] for key in kept}
    return {
        "schema_version": 1,
        "metric": "test/rmse",
        "higher_is_better": False,
        "reference": "mse",
        "verdict": "huber delta=0.5 is better than every other loss on diabetes, by test/rmse.\n"
        "Between mse and mae the 20 seeds cannot decide; about 48 would.",
        "varied": ["loss.delta"],
        "groups": groups,
        "pairs": pairs,
        "matrix": {"metrics": METRICS, "rows": rows, "higher_is_better": [False, False, False, True]},
        "across_data": inference.across(means, list(losses)) if len(data) > 1 else None,
        "tuning": {"keys": ["optimizer.lr"], "runs": 3 * len(groups), "trials": trials} if tuned else None,
        "commands": COMMANDS,
        "excluded": [
            {"folder": "huber-3f9ac1", "reason": "failed: the target holds 3 values that are not finite"},
            {"folder": "log_cosh-0b77de", "reason": "trained on other rows: its split differs from the rest"},
        ],
    }


def curves(labels=tuple(LOSSES), epochs=100, seeds=8):
    generator = np.random.default_rng(3)
    frames = {}
    for place, label in enumerate(labels):
        epoch = np.tile(np.arange(1, epochs + 1), seeds)
        seed = np.repeat(np.arange(seeds), epochs)
        speed, start = 12 + 4 * place, 1 + 0.15 * generator.normal(0, 1, seeds)[seed]
        train = (0.25 + 0.05 * place) + start * np.exp(-epoch / speed)
        validation = train + 0.08 + 0.0006 * epoch
        frames[label] = pd.DataFrame(
            {
                "seed": seed,
                "epoch": epoch,
                "train/loss": train + generator.normal(0, 0.01, len(epoch)),
                "validation/loss": validation + generator.normal(0, 0.02, len(epoch)),
                "validation/rmse": 55 + 22 * validation - place + generator.normal(0, 0.6, len(epoch)),
            }
        )
    return frames


def profiles():
    """Of the losses above under their own names, and a hinge, which judges another number."""
    groups = [{"label": "hinge", "loss": "hinge", "parameters": {}}]
    for label, (loss, _, config) in LOSSES.items():
        parameters = {key.removeprefix("loss."): value for key, value in config.items()}
        groups.append({"label": label, "loss": canonical_loss(loss), "parameters": parameters})
    return loss_curves_of(groups)
