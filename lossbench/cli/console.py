"""Print what the terminal shows at the end of a run, a job and a sweep. This module imports no torch."""

import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossbench.records.folder import read_config
from lossbench.records.result import Result
from lossbench.records.table import flat

_PARTS = ("train", "validation", "test")
_HINT = "lower optimizer.lr or set trainer.clip"  # for a run that diverged


def print_run(result: Result) -> None:
    """Print the table of a run: every metric with mean and spread, and where the record is."""
    console = Console(highlight=False)
    count = len(result.seeds)
    seeds = f"seed {result.seeds[0]}" if count == 1 else f"seeds {result.seeds[0]}-{result.seeds[-1]}"
    console.print(escape(f"{result.label} on {result.data}, {seeds}"))
    table = Table()
    table.add_column("mean ± sd" if count > 1 else "")
    for part in _PARTS:
        table.add_column(part, justify="right")
    names = dict.fromkeys(name.split("/", 1)[1] for name in result.metrics)
    shown = [name for name in names if not name.endswith("/weighted")]
    for name in sorted(shown, key=lambda name: name.split("/")[0] in ("loss", "penalty")):
        mark = " *" if name == result.primary_metric else ""
        cells = [mean_and_spread(result.metrics.get(f"{part}/{name}", [])) for part in _PARTS]
        table.add_row(name + mark, *cells)
    console.print(table)
    console.print(escape(_training_in_words(result)), soft_wrap=True)
    _print_notes(console, [result])
    files = sorted(path.name for path in result.folder.iterdir() if not path.name.endswith(".tmp"))
    console.print(escape(f"{result.folder}/"), soft_wrap=True)
    console.print(escape(", ".join(files)))


def print_job(
    result: Result, done: int = 0, jobs: int = 0, seconds_left: float | None = None, *, kept: bool = False
) -> None:
    """Print one line for a job of a sweep.

    Args:
        result: the result of the job.
        done: the number of jobs that have ended.
        jobs: the number of all jobs; 0 if it is not known.
        seconds_left: the expected time of the remaining jobs.
        kept: whether the result was there before, so that nothing was trained.
    """
    score = ""
    if result.primary_metric:
        values = result.metrics.get(f"test/{result.primary_metric}", [])
        score = f"  test/{result.primary_metric} {mean_and_spread(values)}"
    count = f"[{done}/{jobs}] " if jobs else ""
    time = "kept" if kept else duration(result.duration_s)
    left = f", {duration(seconds_left)} left" if seconds_left else ""
    line = f"{count}{result.status:<9}  {result.folder.name}{score}  {time}{left}"
    Console(highlight=False, soft_wrap=True).print(escape(line))


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(4.26), duration(75), duration(4000)
    ('4.3 s', '75 s', '67 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def print_sweep(folder: Path, jobs: list[Result]) -> None:
    """Print the table of a sweep: each job with the values that vary, its status and its primary metric."""
    console = Console(highlight=False)
    configs = [flat(read_config(job.folder)) for job in jobs]
    varied = _varied(configs)
    metrics = sorted({job.primary_metric for job in jobs if job.primary_metric})
    console.print("the jobs of this sweep, on test")
    table = Table()
    for name in ["loss", *varied, "status", *metrics]:
        table.add_column(escape(name), justify="right" if name in metrics else "left")
    for job, config in zip(jobs, configs, strict=True):
        values = [escape(str(config.get(key, ""))) for key in varied]
        scores = [mean_and_spread(job.metrics.get(f"test/{name}", [])) for name in metrics]
        table.add_row(escape(job.label), *values, job.status, *scores)
    console.print(table)
    _print_notes(console, jobs)
    for line in _failures(jobs):
        console.print(escape(line), soft_wrap=True)
    console.print(escape(f"{folder}/"), soft_wrap=True)


def _print_notes(console: Console, jobs: Iterable[Result]) -> None:
    """Print how the data was read, each sentence once."""
    for note in dict.fromkeys(note for job in jobs for note in job.notes):
        console.print(escape(f"note: {note}"), soft_wrap=True)


def _failures(jobs: list[Result]) -> list[str]:
    """Return why jobs failed or diverged: each reason once, with all jobs that it concerns."""
    grouped: dict[tuple[str, str], list[Result]] = {}
    for job in jobs:
        if job.status != "completed":
            # Two reasons that differ only in the folder of the run are the same reason
            grouped.setdefault((job.status, _reason(job).replace(job.folder.name, "*")), []).append(job)
    lines = []
    for (status, shared), members in grouped.items():
        lines.append(f"{status}: {', '.join(job.folder.name for job in members)}")
        lines.append(f"  {_reason(members[0]) if len(members) == 1 else shared}")
    if any(job.status == "failed" for job in jobs):
        lines.append("to repeat the failed jobs, give the same command with retry=failed")
    return lines


def _reason(job: Result) -> str:
    return job.error or f"no replicate stayed finite: {_HINT}"


def mean_and_spread(values: Iterable[float | None]) -> str:
    """Return mean and standard deviation over the replicates that have a value.

    >>> mean_and_spread([1.0, 3.0, None]), mean_and_spread([None]), mean_and_spread([2.5])
    ('2.000 ± 1.414', '-', '2.500')
    """
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = statistics.fmean(known)
    if len(known) == 1:
        return _digits(mean, mean)
    spread = statistics.stdev(known)
    return f"{_digits(mean, mean)} ± {_digits(spread, mean)}"


def _digits(value: float, scale: float) -> str:
    """Return the value with as many decimals as show four digits of ``scale``."""
    if not 1e-4 <= abs(scale) < 1e7:
        return f"{value:.3g}"
    decimals = max(3 - math.floor(math.log10(abs(scale))), 0)
    return f"{value:.{decimals}f}"


def _training_in_words(result: Result) -> str:
    count = len(result.replicates)
    diverged = sum(replicate.status == "diverged" for replicate in result.replicates)
    best = [replicate.best_epoch for replicate in result.replicates if replicate.best_epoch is not None]
    reason = f": {result.primary_reason}" if result.primary_reason else ""
    words = [f"* the primary metric{reason}"]
    alone = len(result.loss_units) == 1
    words += [f"{'loss' if alone else loss} in {units}" for loss, units in result.loss_units.items()]
    words += [f"trained and evaluated in {result.duration_s:.1f} s"]
    if best:
        span = f"{min(best)}" if min(best) == max(best) else f"{min(best)} to {max(best)}"
        words.append(f"best epoch {span} of {max(replicate.epoch for replicate in result.replicates)}")
    not_converged = sum(
        replicate.converged is False and replicate.status == "completed" for replicate in result.replicates
    )
    if not_converged:
        number = f"{not_converged} of {count} " if count > 1 else ""
        words.append(f"{number}not converged: raise trainer.max_epochs or optimizer.lr")
    if diverged:
        words.append(f"{diverged} of {count} diverged: {_HINT}")
    return "\n".join(words)


def _varied(configs: list[dict[str, Any]]) -> list[str]:
    """Return the keys in which jobs differ, except for the loss's name, which has its own column."""
    keys = dict.fromkeys(key for config in configs for key in config)
    shared = [key for key in keys if key != "loss.name"]
    return [key for key in shared if len({repr(config[key]) for config in configs if key in config}) > 1]
