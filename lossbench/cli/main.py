"""The command line: Hydra's entry, the help, and every error in one place. No torch at the top."""

import errno
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import hydra
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import lossbench
from lossbench import registry, trust
from lossbench.config import compose as composition
from lossbench.config.sweep import Sweep, write_results
from lossbench.errors import UserError, counted, did_you_mean

if TYPE_CHECKING:  # records would bring numpy, for which --help and completion need not wait
    from lossbench.records.result import Result

composition.register()


class _Begun(NamedTuple):
    """A sweep that was begun: where its jobs' folders lie, how many there are, and who runs them."""

    folder: Path
    jobs: int
    in_process: bool


_finished: "list[Result]" = []  # of this process, for the exit status of a single run
_kept: set[Path] = set()  # of those that had been there before
_passed: set[Path] = set()  # that others were at work on
_sweep: _Begun | None = None  # that this process was asked for
_REPEATED = {"failed": ("failed",), "diverged": ("failed", "diverged")}  # by retry
# Which of lossbench's extras brings a launcher of Hydra's
_EXTRAS = {"joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}


def train() -> None:
    """Run what the command line says; the exit status is 0 only when every run completed."""
    global _sweep
    _finished.clear()
    _kept.clear()
    _passed.clear()
    _sweep = None
    trust.grant(sys.argv[1:])
    if _answered_without_hydra():
        return
    with _errors_in_words():
        hydra.main(version_base="1.3", config_path=str(registry.CONF), config_name="config")(job)()
    if any(result.status != "completed" for result in _finished):
        sys.exit(1)


def job(config: DictConfig) -> None:
    """One run of Hydra's; what fails in it is a result, so that a sweep goes on and its end is told."""
    from lossbench.cli import console as terminal
    from lossbench.records.lock import HeldError
    from lossbench.runs import run as experiment

    values = composition.plain(config)
    hydra_config = HydraConfig.get()
    alone = hydra_config.mode == RunMode.RUN
    folder = _relative(Path(hydra_config.runtime.output_dir))
    identity = composition.config_id(values)
    repeat = _REPEATED.get("failed" if alone else str(values.get("retry")), ())
    try:
        result = experiment.attempt(values, folder, identity, picture=alone, repeat=repeat)
    except experiment.FinishedError as finished:
        result = finished.result
        if alone:
            print(finished)
        else:
            _kept.add(folder)
    except HeldError as held:
        if alone:
            sys.exit(str(held))
        print(f"{held}; passed over")
        _passed.add(folder)
        return
    _finished.append(result)
    if alone:
        terminal.print_run(result)
        return
    trained = [one.duration_s for one in _finished if one.folder not in _kept]
    jobs = _sweep.jobs if _sweep else 0  # a worker of a launcher's knows its own job alone
    to_come = jobs - len(_finished)
    left = sum(trained) / len(trained) * to_come if trained and to_come > 0 else None
    terminal.print_job(result, len(_finished), jobs, left, kept=folder in _kept)


def go_home() -> None:
    """Called by Ray in each worker of a cluster: relative paths begin where the sweep was started."""
    os.chdir(os.environ["LOSSBENCH_HOME"])


def run(*overrides: str) -> "Result":
    """What ``train.py`` does, for a notebook.

    Args:
        overrides: as on the command line, ``"loss=huber", "loss.delta=2"``.

    Returns:
        The result; its record lies in ``result.folder``.

    Raises:
        UserError: what the command line would have printed.
    """
    from lossbench.runs import run as experiment

    if not all(isinstance(override, str) for override in overrides):
        raise TypeError('run takes texts as on the command line: run("loss=huber", "loss.delta=2")')
    trust.grant(overrides)
    try:
        config = compose_config(*overrides)
        if config.hydra.mode == RunMode.MULTIRUN or config.hydra.sweeper.get("params"):
            raise UserError("this is a sweep, which the command runs: python train.py " + " ".join(overrides))
        values = composition.plain(config)
        folder = Path(OmegaConf.select(config, "hydra.run.dir"))
    except Exception as error:
        raise UserError(explain(error)) from error
    try:
        return experiment.run(values, folder, composition.config_id(values))
    except experiment.FinishedError as finished:
        return finished.result
    except OSError as error:
        raise UserError(explain(error)) from error


def compose_config(*overrides: str) -> DictConfig:
    """The config that the overrides make, Hydra's own part included."""
    with initialize_config_dir(str(registry.CONF), version_base="1.3"):
        return compose("config", overrides=list(overrides), return_hydra_config=True)


class SweepReport(Callback):
    """Refuses a sweep that compares nothing, and ends one with its table; status 1 unless all completed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra before the first job; what is raised here it would only log."""
        global _sweep
        from lossbench.records.result import COMMAND, read_results

        params = config.hydra.sweeper.get("params") or {}  # of a preset that is a sweep
        overrides = [*(f"{key}={value}" for key, value in params.items()), *config.hydra.overrides.task]
        try:
            sweep = Sweep(overrides)
            issue, jobs = sweep.issue(), sweep.jobs
        except Exception as error:
            sys.exit(explain(error))
        if issue is not None:
            sys.exit(issue)
        folder, launcher = _relative(Path(config.hydra.sweep.dir)), config.hydra.launcher
        if not isinstance(launcher, DictConfig):
            sys.exit(
                f"hydra.launcher={launcher}: a launcher is chosen with a slash, hydra/launcher={launcher}"
            )
        in_process = str(launcher._target_).endswith("BasicLauncher")
        _sweep = _Begun(folder, jobs, in_process)
        if not in_process:
            os.environ[COMMAND] = json.dumps(sys.argv)
        there = len(read_results(folder))
        number = counted(jobs, "job")
        print(
            number + (f"; {folder}/ holds {counted(there, 'result')} already" if there else f" in {folder}/")
        )

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        """Called by Hydra, which would keep every job's whole config until the sweep's end."""
        job_return.cfg = job_return.hydra_cfg = None

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra in the process that was started, under every launcher."""
        from lossbench.cli.console import print_sweep
        from lossbench.records.result import read_results

        assert _sweep is not None
        folder = _sweep.folder
        _take_over(folder)
        # Under a launcher of other processes, what they did is known from the folder alone
        there = [] if _sweep.in_process else read_results(folder)
        jobs = list({job.folder: job for job in [*there, *_finished]}.values())
        if len(jobs) < _sweep.jobs and not _sweep.in_process:
            jobs += _traceless(folder)
        print_sweep(folder, jobs)
        _compare(folder, jobs)
        with suppress(OSError, UserError):  # a full disk was a job's reason already
            write_results(folder)
        if not jobs or any(result.status != "completed" for result in jobs):
            sys.exit(1)


def _compare(folder: Path, jobs: "list[Result]") -> None:
    """End a sweep with its comparison, where it has one: a grid that is none leaves its table alone."""
    from lossbench.cli.comparison_table import print_comparison
    from lossbench.comparison.compare import compare

    finished = [job.folder for job in jobs if job.status != "failed"]  # the others were told with reasons
    if len(finished) < 2:
        return
    try:
        comparison = compare(*finished)
    except UserError as error:
        print(f"not compared: {error}")
        return
    if len(comparison.groups) > 1:
        print_comparison(comparison)
        print(f"figures and a page: python scripts/compare.py {folder}")


def _take_over(folder: Path) -> None:
    """Wait for jobs that other processes hold, and do those whose holder has died."""
    from lossbench.records.result import Result, read_config
    from lossbench.runs import run as experiment

    begun = [path.parent for path in sorted(folder.glob("*/config.yaml"))]
    for place in begun:
        there = Result.read(place)
        if there is not None:
            _finished.extend([there] if place in _passed else [])
            continue
        values = read_config(place)
        identity = composition.config_id(values)
        try:
            result = experiment.attempt(values, place, identity, picture=False, repeat=(), wait=True)
        except experiment.FinishedError as finished:
            result = finished.result
        _finished.append(result)


def _traceless(folder: Path) -> "list[Result]":
    """Jobs whose worker could not even write what they were to do."""
    from lossbench.records.result import Result

    empty = [place for place in sorted(folder.iterdir()) if place.is_dir() and not any(place.iterdir())]
    reason = "its worker could write nothing into its folder; is the disk full?"
    names = [(place, *place.name.rpartition("-")[::2]) for place in empty]
    return [
        Result("failed", loss, loss, "", identity, error=reason, folder=place)
        for place, loss, identity in names
    ]


def main() -> None:
    """The installed command: ``lossbench train ...``."""
    commands: dict[str, Callable[[], None]] = {
        "train": train,
        "compare": _compare_folders,
        "reproduce": _reproduce,
        "catalogue": _catalogue,
    }
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-sc", "--shell-completion", "--shell_completion"):
        # bash asks `lossbench -sc query=bash` about the line `lossbench train ...`
        os.environ["COMP_LINE"] = os.environ.get("COMP_LINE", "").replace(" train ", " ", 1)
        train()
    elif name == "--version":
        train()
    elif name in ("-h", "--help"):
        print("lossbench train ...       train one loss, or compare several; see lossbench train --help")
        print("lossbench compare ...     sweeps or runs, by one yardstick; see lossbench compare --help")
        print(
            "lossbench reproduce ...   a run again, compared value by value; see lossbench reproduce --help"
        )
        print(
            "lossbench catalogue ...   the losses, or those that fit a table; see lossbench catalogue --help"
        )
    elif name in commands:
        del sys.argv[1]
        commands[name]()
    else:
        near = did_you_mean(name, commands)
        sys.exit(f"lossbench {name}: no such command. {near}There are: {', '.join(commands)}")


def _answered_without_hydra() -> bool:
    if {"-h", "--help"} & set(sys.argv[1:]):
        from lossbench.cli.help import help_text

        print(help_text(_program()))
        return True
    if "--version" in sys.argv[1:]:
        print(f"lossbench {lossbench.__version__}")
        return True
    return False


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Whatever goes wrong ends in one message and a status, unless the user has asked for tracebacks."""
    show_everything = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing a traceback
    try:
        _refuse_unknown_options()
        yield
    except KeyboardInterrupt:
        print(f"interrupted; what was in flight was not kept{_so_far()}", file=sys.stderr)
        sys.exit(130)  # as shells have it
    except Exception as error:
        if show_everything:
            raise
        sys.exit(explain(error))
    finally:
        os.environ.pop("HYDRA_FULL_ERROR")
        if show_everything is not None:
            os.environ["HYDRA_FULL_ERROR"] = show_everything


def _so_far() -> str:
    """Where a sweep that was cut short stands; nothing of a single run."""
    from lossbench.records.result import read_results

    if _sweep is None:
        return ""
    there = counted(len(read_results(_sweep.folder)), "result")
    return f"\n{_sweep.folder}/ holds {there}; the same command again does what is missing"


def _compare_folders() -> None:
    from lossbench.cli.compare import main as show

    show()


def _reproduce() -> None:
    from lossbench.runs.reproduce import main as show

    show()


def _catalogue() -> None:
    from lossbench.cli.catalogue import main as show

    show()


def explain(error: Exception) -> str:
    """An exception in words for the user: what was wrong, and what to type instead."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        return _unknown_choice(error)
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override}: not an override; write KEY=VALUE, and quote a value with spaces or "
            f"signs twice, as 'data.path=\"my file (1).csv\"'"
        )
    message = str(error).replace("object_type=dict", "").strip()
    if "group override must be a string" in message:  # loss=3
        asked = next((word for word in sys.argv[1:] if word.split("=")[0] in _groups()), "loss=3")
        group = asked.split("=")[0]
        return f"{asked}: a {group} is chosen by its name. Choose one of: {', '.join(registry.names(group))}"
    if message.startswith("Ambiguous value for argument '"):  # loss=mse,mae
        words = shlex.join(sys.argv[1:])
        several = message.split("'")[1]
        return (
            f"{several}: several values are a sweep, {_program()} -m {words}; a list has brackets, key=[1,2]"
        )
    unknown = _unknown_key(message)
    if unknown is not None:
        return unknown
    if isinstance(error, OSError) and (error.filename or error.errno == errno.ENOSPC):
        issue = f"{error.filename or 'the disk'}: {error.strerror or message}"
        return f"{issue}; choose another folder with hydra.run.dir= or hydra.sweep.dir="
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return f"{message}\nThe keys and their defaults: {_program()} --help"
    message = f"{type(error).__name__}: {' '.join(message.splitlines()[:2])}"
    if _sweep is not None and not _sweep.in_process:  # its jobs never raise
        message = f"the launcher stopped: {message}{_so_far()}"
    return f"{message}\nHYDRA_FULL_ERROR=1 shows the traceback"


def _unknown_choice(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    if not group:
        return f"{name}: no such config; leave --config-name and --config-path out"
    if group == "hydra/launcher" and name in _EXTRAS:
        extra = _EXTRAS[name]
        return f'{group}={name} is not installed: python -m pip install "lossbench[{extra}]"'
    options = list(error.options or registry.names(group))
    known = [*options, *registry.loss_aliases()] if group == "loss" else options
    return f"{group}={name}: no such choice. {did_you_mean(name, known, f'{group}=')}Choose one of: " + (
        ", ".join(sorted(options)) or "(none)"
    )


def _unknown_key(message: str) -> str | None:
    """Hydra's word on an override outside every group, with the nearest key."""
    marker = "Could not override '"
    if marker not in message:
        return None
    key = message.split(marker, 1)[1].split("'", 1)[0].lstrip("+~")
    if key.startswith("hydra."):
        section = key.rpartition(".")[0]
        return f"{key}: no such key of Hydra's; {_program()} --cfg hydra -p {section} shows those it has"
    top = sorted({known.partition(".")[0] for known in registry.config_keys()})
    return f"{key}: no such key. {registry.similar_key(key)}The top level has: {', '.join(top)}"


def _groups() -> list[str]:
    return sorted(path.name for path in registry.CONF.iterdir() if path.is_dir())


def _refuse_unknown_options() -> None:
    parser = get_args_parser()
    _, unknown = parser.parse_known_args()
    if unknown:
        known = [option for action in parser._actions for option in action.option_strings]
        name, _, value = unknown[0].partition("=")
        written = f"{name.lstrip('-')}={value or 'VALUE'}"
        near = did_you_mean(name, known)
        raise UserError(f"{unknown[0]}: no such option. {near}Keys are written without dashes, as {written}")


def _program() -> str:
    name = Path(sys.argv[0]).name
    return f"python {name}" if name.endswith(".py") else f"{name} train"


def _relative(path: Path) -> Path:
    """The path from here, where it lies below; else as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
