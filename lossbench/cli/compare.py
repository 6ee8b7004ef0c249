"""The command ``compare FOLDER...``: runs to ``comparison.json``, figures, tables and one page."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from lossbench.cli.console import print_comparison
from lossbench.comparison import figures
from lossbench.comparison.compare import compare
from lossbench.comparison.report.page import write_page
from lossbench.errors import UserError
from lossbench.records.files import write_json, write_text
from lossbench.records.folder import read_history


def write(folders: list[Path], out: Path, comparison: dict[str, Any]) -> None:
    """Write the comparison, its tables as CSV, its figures and its page into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "comparison.json", comparison)
    tables = {"groups": comparison["groups"], "pairs": comparison["pairs"]}
    if comparison["tuning"]:
        tables["trials"] = comparison["tuning"]["trials"]
    for name, rows in tables.items():
        write_text(out / f"{name}.csv", pd.json_normalize(rows).to_csv(index=False))
    curves = _curves(comparison)
    profiles = _profiles(comparison)
    yardstick = comparison["metric"].partition("/")[2]
    for ending in ("png", "svg"):
        figures.intervals(out / f"intervals.{ending}", comparison)
        figures.matrix(out / f"matrix.{ending}", comparison)
        figures.robustness(out / f"robustness.{ending}", comparison)
        figures.tuning(out / f"tuning.{ending}", comparison)
        figures.ranks(out / f"ranks.{ending}", comparison)
        if profiles:
            figures.profiles(out / f"profiles.{ending}", profiles)
        if curves:
            figures.curves(out / f"curves.{ending}", curves, yardstick)
    command = shlex.join(["python", "scripts/compare.py", *map(str, folders)])
    write_page(out / "report.html", comparison, curves, profiles, [*comparison["commands"], command])


def _curves(comparison: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Learning curves of each loss by label, at the setting that was chosen, on the first block of data."""
    groups = [group for group in comparison["groups"] if group["data"] == comparison["groups"][0]["data"]]
    curves: dict[str, pd.DataFrame] = {}
    for group in groups:
        recorded = [Path(folder) for folder in group["folders"]]
        frames = [read_history(folder) for folder in recorded if (folder / "history.csv").exists()]
        if frames:
            curves[group["label"]] = pd.concat(frames)
    return curves


def _profiles(comparison: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the losses themselves look like: drawn from their functions, and so the one part with torch."""
    from lossbench.losses.curves import loss_curves_of

    return loss_curves_of(comparison["groups"])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="compare", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of sweeps, or of runs")
    parser.add_argument("--metric", help="the yardstick; by default the one that was monitored")
    parser.add_argument("--reference", help="a loss's label that all others are compared to")
    parser.add_argument("--out", type=Path, help="where to write; by default FOLDER/comparison of the first")
    options = parser.parse_args()
    out = options.out or options.folders[0] / "comparison"
    try:
        comparison = compare(*options.folders, metric=options.metric, reference=options.reference)
        write(options.folders, out, comparison)
    except (UserError, OSError) as error:
        sys.exit(str(error))
    print_comparison(comparison)
    print(f"{out}/report.html, comparison.json, groups.csv, pairs.csv, figures")
