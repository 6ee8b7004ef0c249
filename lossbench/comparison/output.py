"""The files of a comparison: its record, tables, figures and page."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lossbench.comparison import figures
from lossbench.comparison.curves import LossCurve
from lossbench.comparison.model import Baseline, Comparison, Group, Pair, Trial, plain
from lossbench.comparison.report.page import write_page
from lossbench.records.files import write_json, write_text
from lossbench.records.folder import read_history


def write(comparison: Comparison, out: Path, commands: Sequence[str]) -> None:
    """Write the comparison, its tables as CSV, its figures and its page into a folder.

    Args:
        comparison: what is written.
        out: the folder.
        commands: the commands that reproduce the comparison, which the page shows.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "comparison.json", comparison.to_json())
    _write_tables(comparison, out)
    learning_curves, loss_curves = _learning_curves(comparison), _loss_curves(comparison)
    for ending in ("png", "svg"):
        figures.intervals(out / f"intervals.{ending}", comparison)
        figures.matrix(out / f"matrix.{ending}", comparison)
        figures.robustness(out / f"robustness.{ending}", comparison)
        figures.tuning(out / f"tuning.{ending}", comparison)
        figures.ranks(out / f"ranks.{ending}", comparison)
        if loss_curves:
            figures.loss_curves(out / f"profiles.{ending}", loss_curves)
        if learning_curves:
            figures.learning_curves(out / f"curves.{ending}", learning_curves, comparison.metric_name)
    write_page(out / "report.html", comparison, learning_curves, loss_curves, commands)


def _write_tables(comparison: Comparison, out: Path) -> None:
    tables: dict[str, Sequence[Group | Pair | Baseline | Trial]] = {
        "groups": comparison.groups,
        "pairs": comparison.pairs,
        "baselines": comparison.baselines or (),
        "trials": comparison.tuning.trials if comparison.tuning else (),
    }
    for name, rows in tables.items():
        if rows or name not in ("baselines", "trials"):
            frame = pd.json_normalize([plain(row) for row in rows])
            write_text(out / f"{name}.csv", frame.to_csv(index=False))


def _learning_curves(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return the learning curves of each loss on the first block of data, at the setting chosen for it."""
    curves: dict[str, pd.DataFrame] = {}
    for group in comparison.groups:
        folders = [Path(folder) for folder in group.folders if group.data == comparison.blocks[0]]
        frames = [read_history(folder) for folder in folders if (folder / "history.csv").exists()]
        if frames:
            curves[group.label] = pd.concat(frames)
    return curves


def _loss_curves(comparison: Comparison) -> dict[str, LossCurve]:
    """Return the curves of the losses themselves, by label: the only part that needs torch."""
    from lossbench.losses.curves import loss_curves_of

    losses = [
        {"label": group.label, "loss": group.loss, "parameters": group.parameters}
        for group in comparison.groups
    ]
    return {label: LossCurve(**curve) for label, curve in loss_curves_of(losses).items()}
