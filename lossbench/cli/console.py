"""What the terminal shows at the end: a run's closing table, and a sweep's. No torch."""

import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossbench.config.sweep import flat
from lossbench.records.result import Result, read_config

_PARTS = ("train", "validation", "test")
_REMEDY = "lower optimizer.lr or set trainer.clip"  # for what diverged


def print_run(result: Result) -> None:
    """The closing table of one run: every metric with mean and spread, and where the record lies."""
    console = Console(highlight=False)
    if result.status == "failed":
        Console(stderr=True, highlight=False, soft_wrap=True).print(escape(result.error or ""))
        return
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
        mark = " *" if name == result.yardstick else ""
        cells = [mean_and_spread(result.metrics.get(f"{part}/{name}", [])) for part in _PARTS]
        table.add_row(name + mark, *cells)
    console.print(table)
    console.print(escape(_how_it_went(result)), soft_wrap=True)
    files = sorted(path.name for path in result.folder.iterdir() if not path.name.endswith(".tmp"))
    console.print(escape(f"{result.folder}/"), soft_wrap=True)
    console.print(escape(", ".join(files)))


def print_job(
    result: Result, done: int = 0, jobs: int = 0, seconds_left: float | None = None, *, kept: bool = False
) -> None:
    """One line for a job of a sweep, as it ends.

    Args:
        result: of the job.
        done: how many there are by now.
        jobs: how many there will be; 0 where that is not known.
        seconds_left: as the jobs so far let expect.
        kept: whether it had been there before, and was not run.
    """
    score = ""
    if result.yardstick:
        values = result.metrics.get(f"test/{result.yardstick}", [])
        score = f"  test/{result.yardstick} {mean_and_spread(values)}"
    count = f"[{done}/{jobs}] " if jobs else ""
    took = "was there" if kept else duration(result.duration_s)
    left = f", {duration(seconds_left)} left" if seconds_left else ""
    line = f"{count}{result.status:<9}  {result.folder.name}{score}  {took}{left}"
    Console(highlight=False, soft_wrap=True).print(escape(line))


def duration(seconds: float) -> str:
    """A time as one says it.

    >>> duration(4.26), duration(75), duration(4000)
    ('4.3 s', '75 s', '67 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def print_sweep(folder: Path, jobs: list[Result]) -> None:
    """The table of a sweep's jobs: status, and the yardstick's mean and spread on test."""
    console = Console(highlight=False)
    configs = [flat(read_config(job.folder)) for job in jobs]
    varied = _varied(configs)
    yardsticks = sorted({job.yardstick for job in jobs if job.yardstick})
    console.print("the jobs of this sweep, on test")
    table = Table()
    for name in ["loss", *varied, "status", *yardsticks]:
        table.add_column(escape(name), justify="right" if name in yardsticks else "left")
    for job, config in zip(jobs, configs, strict=True):
        cells = [mean_and_spread(job.metrics.get(f"test/{name}", [])) for name in yardsticks]
        table.add_row(
            escape(job.label),
            *(escape(str(config.get(key, ""))) for key in varied),
            job.status,
            *cells,
        )
    console.print(table)
    for line in _reasons(jobs):
        console.print(escape(line), soft_wrap=True)
    console.print(escape(f"{folder}/"), soft_wrap=True)


def _reasons(jobs: list[Result]) -> list[str]:
    """Why jobs failed or diverged: equal reasons once, with all that they befell."""
    grouped: dict[tuple[str, str], list[Result]] = {}
    for job in jobs:
        if job.status != "completed":
            # A run's own folder, which its reason may name, makes no other reason of it
            grouped.setdefault((job.status, _reason(job).replace(job.folder.name, "*")), []).append(job)
    lines = []
    for (status, shared), same in grouped.items():
        lines.append(f"{status}: {', '.join(job.folder.name for job in same)}")
        lines.append(f"  {_reason(same[0]) if len(same) == 1 else shared}")
    if any(job.status == "failed" for job in jobs):
        lines.append("once mended, the same command with retry=failed does the failed ones anew")
    return lines


def _reason(job: Result) -> str:
    return job.error or f"no replicate stayed finite: {_REMEDY}"


def mean_and_spread(values: Iterable[float | None]) -> str:
    """Mean and standard deviation over the replicates that have a value.

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
    """The value with as many decimals as show four digits of ``scale``."""
    if not 1e-4 <= abs(scale) < 1e7:
        return f"{value:.3g}"
    decimals = max(3 - math.floor(math.log10(abs(scale))), 0)
    return f"{value:.{decimals}f}"


def _how_it_went(result: Result) -> str:
    gone = sum(one.status == "diverged" for one in result.replicates)
    best = [one.best_epoch for one in result.replicates if one.best_epoch is not None]
    words = [f"* the yardstick; trained and judged in {result.duration_s:.1f} s"]
    if best:
        span = f"{min(best)}" if min(best) == max(best) else f"{min(best)} to {max(best)}"
        words.append(f"best epoch {span} of {max(one.epoch for one in result.replicates)}")
    still = sum(one.epoch == one.best_epoch for one in result.replicates)
    if still:
        words.append(f"{still} still improving at the end: raise trainer.max_epochs or optimizer.lr")
    if gone:
        words.append(f"{gone} of {len(result.replicates)} diverged: {_REMEDY}")
    return "\n".join(words)


def _varied(configs: list[dict[str, Any]]) -> list[str]:
    """The keys in which jobs differ, but for a loss's name, which is shown anyway."""
    keys = dict.fromkeys(key for config in configs for key in config)
    shared = [key for key in keys if key != "loss.name"]
    return [key for key in shared if len({repr(config[key]) for config in configs if key in config}) > 1]
