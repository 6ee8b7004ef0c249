"""The command ``reproduce FOLDER``: train recorded runs again and compare every value."""

import argparse
import sys
from pathlib import Path

from lossbench import trust
from lossbench.errors import UserError
from lossbench.records.result import Result, read_manifest, results_in


def main() -> None:
    """Run the command; the status is 0 if every run is identical or within rounding."""
    parser = argparse.ArgumentParser(prog="reproduce", description=__doc__)
    parser.add_argument("folder", type=Path, help="of a run, or of a sweep")
    parser.add_argument("--trust", default="", help="code that the record names, as my_package")
    options = parser.parse_args()
    trust.grant(f"loss.function={word}" for word in options.trust.split(",") if word)
    try:
        results = results_in(options.folder)
    except UserError as error:
        sys.exit(str(error))
    fine = True
    for result in results:
        try:
            fine &= _report(result)
        except UserError as error:
            print(f"{result.folder}: not run again\n  {error}")
            origin = read_manifest(result.folder).get("folder")
            if origin not in (None, str(Path.cwd())):
                print(f"  it was run from {origin}, where relative paths began")
            fine = False
    sys.exit(0 if fine else 1)


def _report(result: Result) -> bool:
    if result.status == "failed":
        print(f"{result.folder}: failed then, so there is nothing to compare: {result.error}")
        return True
    from lossbench.runs.reproduce import reproduce

    verdict = reproduce(result.folder)
    far = f", the largest relative difference is {verdict.largest:.1e}" if verdict.largest else ""
    print(f"{result.folder}: {verdict.word}{far}")
    if verdict.first:
        print(f"  first: {verdict.first}")
    for change in verdict.changed:
        print(f"  changed: {change}")
    return verdict.word != "different"
