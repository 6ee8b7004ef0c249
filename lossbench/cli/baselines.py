"""Train the baselines that a comparison lacks, and say how long that took, or why there are none."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lossbench.cli.console import duration
from lossbench.comparison.baselines import run_block, with_baselines
from lossbench.comparison.model import Comparison
from lossbench.errors import UserError
from lossbench.records.baselines import FOLDER, BaselineOutcome, missing_baselines
from lossbench.records.folder import read_config


def complete_baselines(
    comparison: Comparison, folders: Sequence[Path], wanted: bool | None = None
) -> Comparison:
    """Train the baselines that are not recorded yet, and return the comparison with all of them.

    A failure is printed in one line, and Ctrl-C leaves out the baselines that are not trained yet: the
    comparison is returned in any case.

    Args:
        comparison: the comparison of the runs.
        folders: the folders of the sweeps or runs that are compared.
        wanted: whether baselines are wanted; by default, whether the configs of the runs say so.
    """
    fits, seconds = 0, 0.0
    failures: dict[str, list[str]] = {}
    try:
        with Console(stderr=True).status("training the baselines; Ctrl-C skips them"):
            for data in comparison.blocks:
                outcome = _complete_block(comparison, data, folders, wanted)
                fits, seconds = fits + outcome.fits, seconds + outcome.duration_s
                for name, reason in outcome.failures.items():
                    failures.setdefault(" ".join(reason.split()), []).append(f"{name} on {data}")
    except KeyboardInterrupt:
        print("baselines: interrupted; the next comparison trains those that are missing")
    if fits:
        print(f"baselines: {fits} fits in {duration(seconds)}")
    for reason, names in failures.items():
        print(f"no baseline ({', '.join(names)}): {reason}")
    return with_baselines(comparison)


def _complete_block(
    comparison: Comparison, data: str, folders: Sequence[Path], wanted: bool | None
) -> BaselineOutcome:
    """Train the missing baselines of one block of data; an error becomes the reason why it has none."""
    try:
        block = run_block(comparison, data)
        if wanted is None and not any(read_config(run).get("baselines", True) for run in block.folders):
            return BaselineOutcome()
        if not missing_baselines(block, comparison.metric_name):
            return BaselineOutcome()
        from lossbench.runs.baselines import record_baselines  # imports torch

        return record_baselines(block, comparison.metric_name, _store(block.folders[0], folders))
    except UserError as error:
        return BaselineOutcome(failures={"any": str(error)})
    except Exception as error:  # a comparison never fails because of its baselines
        return BaselineOutcome(failures={"any": f"{type(error).__name__}: {error}"})


def _store(run: Path, folders: Sequence[Path]) -> Path:
    """Return the folder for the baselines of a run: beside it, or in it if it was named by itself."""
    return (run if run in folders else run.parent) / FOLDER
