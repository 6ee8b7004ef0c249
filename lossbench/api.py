"""The Python interface: train a run, compare runs and read results, for example in a notebook."""

from pathlib import Path

from hydra.types import RunMode
from omegaconf import OmegaConf

from lossbench import commands, trust
from lossbench.comparison.compare import compare
from lossbench.config import compose
from lossbench.config.hydra_errors import explain
from lossbench.errors import UserError
from lossbench.records.result import Result
from lossbench.records.table import results
from lossbench.runs.job import run_job

__all__ = ["compare", "results", "run"]


def run(*overrides: str) -> Result:
    """Train one run, as the command ``train`` does.

    Args:
        overrides: as on the command line, ``"loss=huber", "loss.delta=2"``.

    Returns:
        The result; its record is in ``result.folder``.

    Raises:
        UserError: with the message that the command would print.
    """
    if not all(isinstance(override, str) for override in overrides):
        raise TypeError('run takes texts as on the command line: run("loss=huber", "loss.delta=2")')
    trust.grant(overrides)
    command = commands.shown_words("train", *overrides)
    try:
        config = compose.compose_config(*overrides)
        if config.hydra.mode == RunMode.MULTIRUN or config.hydra.sweeper.get("params"):
            raise UserError(f"this is a sweep, which the command runs: {commands.shown('train', *overrides)}")
        values, folder = compose.plain(config), Path(OmegaConf.select(config, "hydra.run.dir"))
    except Exception as error:
        raise UserError(explain(error, overrides)) from error
    try:
        outcome = run_job(values, folder, command=command)
    except OSError as error:
        raise UserError(explain(error, overrides)) from error
    if outcome.result is None:
        raise UserError(f"{folder}: {outcome}")
    return outcome.result
