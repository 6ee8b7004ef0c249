"""Attempt one job: check it, train it unless its result exists, and turn a failure into a result.

This module imports torch only to train, or to compare a finished run with the job: a wrong config is
reported quickly.
"""

import errno
import traceback
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

import lossbench
from lossbench import commands
from lossbench.config.check import CheckedConfig, check
from lossbench.config.compose import config_id
from lossbench.errors import UserError
from lossbench.records import files
from lossbench.records.folder import read_manifest
from lossbench.records.lock import locked
from lossbench.records.result import Result


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job.

    Attributes:
        state: ``ended``, if the job ran now, whether it completed, diverged or failed; ``kept``, if the
            folder had its result already; ``busy``, if another process is at work in the folder.
        result: the result of the job; None if the folder is busy.
    """

    state: Literal["ended", "kept", "busy"]
    result: Result | None

    def __str__(self) -> str:
        if self.result is None:
            return "another process is at work on this run"
        return f"{self.result.folder} already holds this run, {self.result.status}; nothing was trained"


def attempt_job(
    values: Mapping[str, Any],
    folder: Path,
    *,
    picture: bool = True,
    repeat: Collection[str] = ("failed",),
    wait: bool = False,
    command: Sequence[str] | None = None,
) -> Outcome:
    """Run a job as :func:`run_job` does, but return a failure as a result with its reason."""
    try:
        return run_job(values, folder, picture=picture, repeat=repeat, wait=wait, command=command)
    except Exception as error:
        return _record_failure(values, folder, error, wait)


def run_job(
    values: Mapping[str, Any],
    folder: Path,
    *,
    picture: bool = True,
    repeat: Collection[str] = ("failed",),
    wait: bool = False,
    command: Sequence[str] | None = None,
) -> Outcome:
    """Train what a config describes and leave its record in ``folder``.

    Args:
        values: the composed config, as plain dicts and lists.
        folder: the folder of the run; it is created if it does not exist.
        picture: whether the learning curves are drawn.
        repeat: the statuses of earlier results in the folder that are trained again.
        wait: whether to wait for another process that is at work in the folder.
        command: the words of the command for the manifest; by default the command of this process.

    Raises:
        UserError: the config, the data or the folder has an issue. No result is written then.
    """
    earlier = _earlier(folder, repeat)
    if earlier is not None:
        return _kept(earlier, values)
    checked = check(values)  # every issue that needs neither torch nor data
    with locked(folder, wait=wait) as held:
        if not held:
            return Outcome("busy", None)
        earlier = _earlier(folder, repeat)  # the process that held the folder before may have written it
        if earlier is not None:
            return _kept(earlier, values)
        for stale in ("result.json", "traceback.txt"):
            (folder / stale).unlink(missing_ok=True)
        _write_config(values, folder)
        try:
            words = commands.current() if command is None else command
            return Outcome("ended", _train(checked, folder, config_id(values), words, picture))
        except SystemExit as stop:  # a custom loss must not end a sweep or a notebook
            raise RuntimeError(f"its own code called sys.exit({stop.code!r})") from stop


def _train(
    checked: CheckedConfig, folder: Path, identity: str, command: Sequence[str], picture: bool
) -> Result:
    from lossbench.config.resolve import bind  # imports torch
    from lossbench.runs.run import run

    return run(bind(checked), folder, identity, command=command, picture=picture)


def _write_config(values: Mapping[str, Any], folder: Path) -> None:
    files.write_text(folder / "config.yaml", yaml.safe_dump(dict(values), sort_keys=False))


def _earlier(folder: Path, repeat: Collection[str]) -> Result | None:
    """Return the result in a folder that is not to be trained again."""
    earlier = Result.read(folder)
    return None if earlier is None or earlier.status in repeat else earlier


def _kept(earlier: Result, values: Mapping[str, Any]) -> Outcome:
    """Return an earlier result if it is this job's, made from the same data by the same version.

    Raises:
        UserError: it is not this job's; the message says what differs.
    """
    identity = config_id(values)
    if earlier.status == "failed" and earlier.config_id == identity:
        return Outcome("kept", earlier)
    from lossbench.config.resolve import data_settings  # imports torch

    fingerprint = data_settings(check(values)).load().fingerprint
    manifest = read_manifest(earlier.folder)
    version, now = manifest.get("versions", {}).get("lossbench"), lossbench.__version__
    compared = (
        (f"another config ({earlier.label}, {earlier.config_id})", earlier.config_id == identity),
        ("the same config on other data, or data unknown", manifest.get("data_fingerprint") == fingerprint),
        (f"the same config by lossbench {version or '?'}, and this is {now}", version == now),
    )
    for difference, same in compared:
        if not same:
            raise UserError(
                f"{earlier.folder} holds a finished run of {difference}; choose another folder with "
                "hydra.run.dir= (or hydra.sweep.dir= for a sweep)"
            )
    return Outcome("kept", earlier)


def _record_failure(values: Mapping[str, Any], folder: Path, error: Exception, wait: bool) -> Outcome:
    """Write the result of a job that failed, unless another process is at work in the folder."""
    is_empty = not folder.is_dir() or not any(folder.iterdir())
    try:
        with nullcontext(True) if is_empty else locked(folder, wait=wait) as held:
            if not held:
                return Outcome("busy", None)
            failure = _failure(values, folder, _reason(error, folder))
            earlier = Result.read(folder)
            if earlier is None or earlier.status == "failed":
                folder.mkdir(parents=True, exist_ok=True)
                _write_config(values, folder)
                failure.write()
            return Outcome("ended", failure)
    except OSError:  # a full disk may be the reason itself; the caller shows it
        return Outcome("ended", _failure(values, folder, _reason(error, folder)))


def _failure(values: Mapping[str, Any], folder: Path, reason: str) -> Result:
    """Return the result of a job that failed."""
    loss, data = (
        section if isinstance(section, Mapping) else {"name": section}
        for section in (values.get("loss"), values.get("data"))
    )
    return Result(
        status="failed",
        loss=str(loss.get("name")),
        label=str(loss.get("label") or loss.get("name")),
        data=str(data.get("name")),
        config_id=config_id(values),
        error=reason,
        folder=folder,
    )


def _reason(error: Exception, folder: Path) -> str:
    """Return why a job failed, in words; an unexpected error leaves its traceback in the folder."""
    with suppress(OSError):
        (folder / "traceback.txt").unlink(missing_ok=True)  # of an earlier failure
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
        if full or str(error.filename).startswith(str(folder)):
            return f"{folder}: {error.strerror}; free space, or choose another folder"
    reason = f"{type(error).__name__}: {error}"
    # torch raises a class of its own on a GPU, and a plain RuntimeError on the CPU
    out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if out_of_memory or "allocate memory" in reason:
        return "not enough memory: lower replicates, model.hidden_units or data.batch_size"
    with suppress(OSError):
        files.write_text(folder / "traceback.txt", "".join(traceback.format_exception(error)))
        reason += f"\nThe traceback is in {folder}/traceback.txt"
    return reason
