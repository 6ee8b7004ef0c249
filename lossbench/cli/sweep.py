"""The start and the end of a sweep: the Hydra callback that ``conf/config.yaml`` names.

This module imports no torch.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from lossbench import commands
from lossbench.cli.session import Session, StartedSweep, current, relative
from lossbench.config.hydra_errors import explain
from lossbench.config.sweep import Sweep
from lossbench.errors import UserError, counted
from lossbench.records.folder import read_config
from lossbench.records.result import Result, read_results
from lossbench.records.table import write_results


class SweepReport(Callback):
    """Refuse a sweep that compares nothing, and end each sweep with its tables.

    The exit status is 1 unless every job has completed. Hydra only logs the exceptions of a callback.
    Errors therefore call ``sys.exit``, which ends the program.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the sweep and announce it. Hydra calls this before the first job."""
        launcher = config.hydra.launcher
        if not isinstance(launcher, DictConfig):
            sys.exit(f"hydra.launcher={launcher}: choose a launcher with a slash, hydra/launcher={launcher}")
        sweep, folder = _checked_sweep(config), relative(Path(config.hydra.sweep.dir))
        jobs, baselines = sweep.jobs, sweep.values("baselines")
        in_process = config.hydra.runtime.choices["hydra/launcher"] == "basic"
        wanted = baselines[0].lower() == "true" if baselines else None
        current().sweep = StartedSweep(folder, jobs, in_process, wanted)
        if not in_process:
            commands.tell_workers()
        earlier = len(read_results(folder))
        holds = f"; {folder}/ already holds {counted(earlier, 'result')}" if earlier else f" in {folder}/"
        print(counted(jobs, "job") + holds)

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        """Drop the config of a job, which Hydra would keep until the end of the sweep."""
        job_return.cfg = job_return.hydra_cfg = None

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the tables. Hydra calls this in the process that was started, under every launcher."""
        from lossbench.cli.console import print_sweep

        session = current()
        assert session.sweep is not None
        _finish_jobs(session, session.sweep.folder)
        jobs = _all_jobs(session, session.sweep)
        print_sweep(session.sweep.folder, jobs)
        _compare(session.sweep, jobs)
        with suppress(OSError, UserError):  # if the disk is full, a job has already reported it
            write_results(session.sweep.folder)
        if not jobs or any(result.status != "completed" for result in jobs):
            sys.exit(1)


def _checked_sweep(config: DictConfig) -> Sweep:
    """Return the overrides of the sweep, or exit with the reason why it cannot run."""
    params = config.hydra.sweeper.get("params") or {}  # of a preset that is a sweep
    overrides = [*(f"{key}={value}" for key, value in params.items()), *config.hydra.overrides.task]
    try:
        sweep = Sweep(overrides)
        issue = sweep.issue()
    except Exception as error:
        sys.exit(explain(error, sys.argv[1:]))
    if issue is not None:
        sys.exit(issue)
    return sweep


def _finish_jobs(session: Session, folder: Path) -> None:
    """Wait for jobs that other processes are running, and run those whose process has died."""
    from lossbench.runs.job import attempt_job

    for path in sorted(folder.glob("*/config.yaml")):
        result = Result.read(path.parent)
        if result is None:
            result = attempt_job(
                read_config(path.parent), path.parent, picture=False, repeat=(), wait=True
            ).result
        elif path.parent not in session.skipped:
            continue
        assert result is not None, "an attempt that waits is never refused"
        session.results.append(result)


def _all_jobs(session: Session, sweep: StartedSweep) -> list[Result]:
    """Return the results of all jobs, those of other processes included."""
    results = session.results if sweep.in_process else [*read_results(sweep.folder), *session.results]
    jobs = list({result.folder: result for result in results}.values())
    if len(jobs) < sweep.jobs and not sweep.in_process:
        jobs += _jobs_without_files(sweep.folder)
    return jobs


def _jobs_without_files(folder: Path) -> list[Result]:
    """Return a failure for each job whose worker could write nothing, not even its config."""
    reason = "its worker could write nothing into its folder; is the disk full?"
    failures = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not any(path.iterdir()):
            loss, _, config_id = path.name.rpartition("-")
            failures.append(Result("failed", loss, loss, "", config_id, error=reason, folder=path))
    return failures


def _compare(sweep: StartedSweep, jobs: list[Result]) -> None:
    """Print the comparison of a sweep's losses with its baselines, if there is something to compare."""
    from lossbench.cli.baselines import complete_baselines
    from lossbench.cli.comparison_table import print_comparison
    from lossbench.comparison.compare import compare

    finished = [job.folder for job in jobs if job.status != "failed"]
    if len(finished) < 2:
        return
    try:
        comparison = compare(*finished, baselines=False)
    except UserError as error:
        print(f"not compared: {error}")
        return
    if len(comparison.groups) > 1:
        if sweep.baselines is not False:
            comparison = complete_baselines(comparison, [sweep.folder], sweep.baselines)
        print_comparison(comparison)
        print(f"figures and a page: {commands.shown('compare', str(sweep.folder))}")
