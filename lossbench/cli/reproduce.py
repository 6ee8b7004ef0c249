"""Rerun a recorded run, or every run of a sweep, and compare value by value."""

import argparse
import sys
from pathlib import Path

from lossbench import commands, trust
from lossbench.errors import UserError
from lossbench.records.folder import read_manifest
from lossbench.records.result import Result, results_in


def main() -> None:
    """Run the command ``reproduce FOLDER``; the status is 0 if every run is identical or within rounding."""
    options = _parser().parse_args()
    trust.grant(f"loss.function={word}" for word in options.trust.split(",") if word)
    try:
        results = results_in(options.folder)
    except UserError as error:
        sys.exit(str(error))
    reproduced = [_reproduced(result) for result in results]
    sys.exit(0 if all(reproduced) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=commands.shown("reproduce"), description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of a run or of a sweep")
    parser.add_argument("--trust", default="", help="a package whose code the record needs")
    return parser


def _reproduced(result: Result) -> bool:
    """Rerun one run, print the outcome, and return whether it is the same."""
    if result.status == "failed":
        print(f"{result.folder}: the run had failed, so there is nothing to compare: {result.error}")
        return True
    from lossbench.runs.reproduce import reproduce

    try:
        verdict = reproduce(result.folder)
    except UserError as error:
        print(f"{result.folder}: not rerun\n  {error}")
        folder = read_manifest(result.folder).get("folder")
        if folder not in (None, str(Path.cwd())):
            print(f"  it was run from {folder}; relative paths refer to that folder")
        return False
    difference = f", the largest relative difference is {verdict.largest:.1e}" if verdict.largest else ""
    print(f"{result.folder}: {verdict.word}{difference}")
    if verdict.first:
        print(f"  first: {verdict.first}")
    for change in verdict.changed:
        print(f"  changed: {change}")
    return verdict.word != "different"
