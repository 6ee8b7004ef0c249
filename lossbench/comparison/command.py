"""The command ``compare FOLDER...``: runs to ``comparison.json``, figures, tables and one page. No torch."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from lossbench.comparison import figures
from lossbench.comparison.compare import compare
from lossbench.comparison.page import write_page
from lossbench.errors import UserError
from lossbench.records import read_manifest, results_in, write_json, write_text
from lossbench.terminal import print_comparison


def write(folders: list[Path], out: Path, comparison: dict[str, Any]) -> None:
    """Write the comparison, its tables as CSV, its figures and its page into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "comparison.json", comparison)
    for name in ("groups", "pairs"):
        frame = pd.json_normalize(comparison[name])
        write_text(out / f"{name}.csv", frame.to_csv(index=False))
    curves = _curves(folders)
    yardstick = comparison["metric"].partition("/")[2]
    for ending in ("png", "svg"):
        figures.intervals(out / f"intervals.{ending}", comparison)
        figures.matrix(out / f"matrix.{ending}", comparison)
        if curves:
            figures.curves(out / f"curves.{ending}", curves, yardstick)
    command = "python scripts/compare.py " + " ".join(map(str, folders))
    write_page(out / "report.html", comparison, curves, [*_commands(folders), command])


def _curves(folders: list[Path]) -> dict[str, pd.DataFrame]:
    """Learning curves by label; of a label trained in several ways, the first."""
    curves: dict[str, pd.DataFrame] = {}
    for folder in folders:
        for one in results_in(folder):
            if one.status != "failed" and one.label not in curves and (one.folder / "history.csv").exists():
                curves[one.label] = one.curves
    return curves


def _commands(folders: list[Path]) -> list[str]:
    """How each folder's runs were had, by the record of its first."""
    words = [read_manifest(results_in(folder)[0].folder).get("command", []) for folder in folders]
    return list(dict.fromkeys(" ".join(["python", *map(str, own)]) for own in words if own))


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
