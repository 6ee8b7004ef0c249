"""The state of one ``train`` command: it runs the jobs that Hydra starts, and holds their results."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lossbench.config import compose
from lossbench.errors import counted
from lossbench.records.result import Result, read_results

# The statuses of earlier results that are repeated, for each value of the key retry
_REPEATED = {"failed": ("failed",), "diverged": ("failed", "diverged")}


@dataclass(frozen=True)
class StartedSweep:
    """A sweep that has begun.

    Attributes:
        folder: the folder in which its jobs have their folders.
        jobs: the number of its jobs.
        in_process: whether its jobs run one after another in this process.
        baselines: whether the command asks for baselines; None where it does not say.
    """

    folder: Path
    jobs: int
    in_process: bool
    baselines: bool | None = None


@dataclass
class Session:
    """The state of one ``train`` command.

    A launcher that starts other processes gives each of them a copy of the session. What happens in those
    processes is known only from the folders of the jobs.

    Attributes:
        results: the results of the jobs that have ended in this process.
        kept: the folders that already held a result, so that nothing was trained.
        skipped: the folders in which other processes are training.
        sweep: the sweep that the command has started; None for a single run.
    """

    results: list[Result] = field(default_factory=list)
    kept: set[Path] = field(default_factory=set)
    skipped: set[Path] = field(default_factory=set)
    sweep: StartedSweep | None = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this the session that :func:`current` returns."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def job(self, config: DictConfig) -> None:
        """Run one job that Hydra starts. A failure becomes a result, so that a sweep continues to its end."""
        from lossbench.runs.job import attempt_job

        values = compose.plain(config)
        hydra = HydraConfig.get()
        alone = hydra.mode == RunMode.RUN
        folder = relative(Path(hydra.runtime.output_dir))
        repeat = _REPEATED.get("failed" if alone else str(values.get("retry")), ())
        outcome = attempt_job(values, folder, picture=alone, repeat=repeat)
        if outcome.result is None:
            self._skip(folder, str(outcome), alone)
            return
        self.results.append(outcome.result)
        if outcome.state == "kept":
            self.kept.add(folder)
            if alone:
                print(outcome)
        self._report(outcome.result, alone)

    def progress(self) -> str:
        """Return how far a sweep has come, as further lines of a message; nothing for a single run."""
        if self.sweep is None:
            return ""
        number = counted(len(read_results(self.sweep.folder)), "result")
        return f"\n{self.sweep.folder}/ holds {number}; the same command does the jobs that are missing"

    def _skip(self, folder: Path, reason: str, alone: bool) -> None:
        """Leave a folder to the process that holds it."""
        if alone:
            sys.exit(f"{folder}: {reason}")
        print(f"{folder}: {reason}; skipped")
        self.skipped.add(folder)

    def _report(self, result: Result, alone: bool) -> None:
        """Print the result of a job."""
        if result.status == "failed" and alone:
            print(result.error, file=sys.stderr)
            return
        from lossbench.cli import console

        if alone:
            console.print_run(result)
            return
        kept = result.folder in self.kept
        console.print_job(result, len(self.results), self._jobs, self._seconds_left(), kept=kept)

    @property
    def _jobs(self) -> int:
        """The number of jobs that this process runs; 0 if it is a worker of another process."""
        return self.sweep.jobs if self.sweep is not None and self.sweep.in_process else 0

    def _seconds_left(self) -> float | None:
        """Return the time that the remaining jobs take if they last as long as those before."""
        trained = [result.duration_s for result in self.results if result.folder not in self.kept]
        remaining = self._jobs - len(self.results)
        return sum(trained) / len(trained) * remaining if trained and remaining > 0 else None


# Hydra makes the callback of a sweep from the config and passes it no object of ours. This variable is how
# the callback reaches the session of its command; nothing else reads it.
_current: ContextVar[Session] = ContextVar("session")


def current() -> Session:
    """Return the session of the command that is running."""
    return _current.get()


def relative(path: Path) -> Path:
    """Return the path from the working directory if it lies below it, else the path as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def enter_home() -> None:
    """Enter the folder in which the sweep was started: Ray calls this in each worker of a cluster."""
    os.chdir(os.environ["LOSSBENCH_HOME"])
