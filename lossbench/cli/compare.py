"""Compare the losses of sweeps or runs, and write the record, tables, figures and a page."""

import argparse
import sys
from pathlib import Path

from lossbench import commands
from lossbench.errors import UserError


def main() -> None:
    """Run the command ``compare FOLDER...``."""
    options = _parser().parse_args()
    out = options.out or options.folders[0] / "comparison"
    from lossbench.cli.baselines import complete_baselines
    from lossbench.cli.comparison_table import print_comparison
    from lossbench.comparison.compare import compare
    from lossbench.comparison.output import write

    try:
        comparison = compare(
            *options.folders, metric=options.metric, reference=options.reference, baselines=False
        )
        comparison = complete_baselines(comparison, options.folders)
        write(comparison, out, [*comparison.commands, _command(options)])
    except (UserError, OSError) as error:
        sys.exit(str(error))
    print_comparison(comparison)
    print(f"{out}/report.html, comparison.json, groups.csv, pairs.csv, figures")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=commands.shown("compare"), description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a sweep or a run")
    parser.add_argument("--metric", help="by default the first of the primary metrics that all runs have")
    parser.add_argument("--reference", help="the label of the loss that all others are compared with")
    parser.add_argument("--out", type=Path, help="the output folder; default: comparison in the first FOLDER")
    return parser


def _command(options: argparse.Namespace) -> str:
    """Return this command as it can be pasted: what decides the numbers, but not where they are written."""
    words = list(map(str, options.folders))
    if options.metric is not None:
        words += ["--metric", options.metric]
    if options.reference is not None:
        words += ["--reference", options.reference]
    return commands.shown("compare", *words)
