"""Train the baselines that a comparison lacks, and say how long that took, or why there are none."""

from collections.abc import Sequence
from pathlib import Path

from lossbench.cli.console import duration
from lossbench.comparison.baselines import run_block, with_baselines
from lossbench.comparison.model import Comparison
from lossbench.errors import UserError
from lossbench.records.baselines import FOLDER
from lossbench.records.folder import read_config


def complete_baselines(
    comparison: Comparison, folders: Sequence[Path], wanted: bool | None = None
) -> Comparison:
    """Train the baselines that are not recorded yet, and return the comparison with all of them.

    A failure is printed in one line; the comparison is returned in any case.

    Args:
        comparison: the comparison of the runs.
        folders: the folders of the sweeps or runs that are compared.
        wanted: whether baselines are wanted; by default, whether the configs of the runs say so.
    """
    fits, seconds = 0, 0.0
    failures: dict[str, list[str]] = {}
    for data in comparison.blocks:
        try:
            block = run_block(comparison, data)
            if wanted is None and not any(read_config(run).get("baselines", True) for run in block.folders):
                continue
            from lossbench.runs.baselines import record_baselines  # imports torch

            outcome = record_baselines(block, comparison.metric_name, _store(block.folders[0], folders))
            fits, seconds = fits + outcome.fits, seconds + outcome.duration_s
            for name, reason in outcome.failures.items():
                failures.setdefault(reason, []).append(f"{name} on {data}")
        except UserError as error:
            failures.setdefault(str(error), []).append(f"any on {data}")
        except Exception as error:  # a comparison never fails because of its baselines
            failures.setdefault(f"{type(error).__name__}: {error}", []).append(f"any on {data}")
    if fits:
        print(f"baselines: {fits} fits in {duration(seconds)}")
    for reason, names in failures.items():
        print(f"no baseline ({', '.join(names)}): {' '.join(reason.split())}")
    return with_baselines(comparison)


def _store(run: Path, folders: Sequence[Path]) -> Path:
    """Return the folder for the baselines of a run: beside it, or in it if it was named by itself."""
    return (run if run in folders else run.parent) / FOLDER
