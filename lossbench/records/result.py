"""The result of a run, and functions that read it from a run folder. This module imports no torch."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lossbench.errors import UserError
from lossbench.records.files import write_json
from lossbench.records.folder import read_history

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

SCHEMA_VERSION = 1
_KEYS = {"primary_metric": "yardstick", "primary_reason": "yardstick_reason"}  # as the first schema has it
Status = Literal["completed", "diverged", "failed"]


@dataclass(frozen=True)
class ReplicateResult:
    """How the training of one replicate went.

    Attributes:
        status: ``diverged`` once its losses are no longer finite.
        epoch: the last epoch for which it was trained, from 1.
        best_epoch: the epoch of its best primary metric on validation; 0 if the untrained network had it,
            None if there was none.
        converged: whether training had converged (:func:`lossbench.training.convergence.converged`); None in
            earlier records.
    """

    status: Literal["completed", "diverged"]
    epoch: int
    best_epoch: int | None
    converged: bool | None = None


@dataclass(frozen=True)
class Result:
    """The outcome of a run: the content of ``result.json``.

    Attributes:
        status: ``completed``; ``diverged`` if no replicate stayed finite; ``failed``.
        loss: the loss's canonical name.
        label: the name of the loss in reports.
        data: the data set's name.
        config_id: the hash of everything that decides the numbers.
        seeds: one per replicate.
        replicates: how the training of each replicate went.
        metrics: ``{"test/rmse": [one value per replicate, None where it diverged]}``.
        primary_metric: the metric that was monitored; ``yardstick`` in the file.
        primary_reason: why this metric was monitored; None if an earlier version of lossbench wrote the file.
        higher_is_better: the direction of each metric.
        loss_units: for each loss of a number, the units in which it is given targets: its values and
            parameters have these units.
        notes: sentences about how the data was read, such as how many rows have no target.
        duration_s: the time from reading the data to the last metric, in seconds.
        error: the reason, if the run failed.
        baseline: whether it is no run but a baseline, which ``loss`` and ``label`` then name.
        folder: where the record is; not part of the file.
    """

    status: Status
    loss: str
    label: str
    data: str
    config_id: str
    seeds: list[int] = field(default_factory=list)
    replicates: list[ReplicateResult] = field(default_factory=list)
    metrics: dict[str, list[float | None]] = field(default_factory=dict)
    primary_metric: str | None = None
    primary_reason: str | None = None
    higher_is_better: dict[str, bool] = field(default_factory=dict)
    loss_units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    duration_s: float = 0.0
    error: str | None = None
    baseline: bool = False
    folder: Path = field(default=Path(), compare=False)

    def write(self) -> None:
        """Write ``result.json``, the last file of a folder: it says that the run is over."""
        content = {"schema_version": SCHEMA_VERSION, **asdict(self)}
        del content["folder"]
        content |= {key: content.pop(name) for name, key in _KEYS.items()}
        if self.error is None:
            del content["error"]
        if not self.baseline:
            del content["baseline"]
        write_json(self.folder / "result.json", content)

    @property
    def table(self) -> "pd.DataFrame":
        """Every metric, a row per replicate, indexed by seed."""
        import pandas as pd

        return pd.DataFrame(self.metrics, index=pd.Index(self.seeds, name="seed"), dtype=float)

    @property
    def curves(self) -> "pd.DataFrame":
        """The values recorded each epoch, a row per replicate and epoch."""
        return read_history(self.folder)

    @property
    def predictions(self) -> "pd.DataFrame":
        """Targets and predictions of the test part, a row per replicate and row of the data."""
        import pandas as pd

        parquet = self.folder / "predictions.parquet"
        return pd.read_parquet(parquet) if parquet.exists() else pd.read_csv(self.folder / "predictions.csv")

    def network(self, replicate: int = 0, output: str | None = None) -> "nn.Sequential":
        """Return one replicate's trained network as plain torch modules, scaling included.

        Args:
            replicate: the index of the replicate, from 0.
            output: the name of the output; it is not needed if there is only one.

        Returns:
            A module that maps raw features ``(N, F)`` to predictions ``(N, U)``, in the user's units. If the
            loss reads logits, probabilities or embeddings, the predictions are these.

        Raises:
            UserError: there is no such replicate or output, or no weights.
        """
        from lossbench.records.network import load_network

        return load_network(self.folder, replicate, output)

    @classmethod
    def read(cls, folder: Path) -> "Result | None":
        """Return the result in a folder, or None if there is none or only an incomplete one.

        Keys that a later version of lossbench wrote are ignored, so that a finished run stays finished.
        """
        try:
            content = json.loads((folder / "result.json").read_text("utf-8"))
            content["replicates"] = [
                _from_known_keys(ReplicateResult, replicate) for replicate in content["replicates"]
            ]
            content |= {name: content.get(key) for name, key in _KEYS.items()}
            return _from_known_keys(cls, content | {"folder": folder})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


T = TypeVar("T")


def _from_known_keys(kind: type[T], content: dict[str, Any]) -> T:
    names = {known.name for known in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in content.items() if key in names})


def read_results(folder: Path) -> list[Result]:
    """Return the results of the runs directly below a folder, by folder name; baselines are no runs."""
    results = (Result.read(path.parent) for path in sorted(folder.glob("*/result.json")))
    return [result for result in results if result is not None and not result.baseline]


def results_in(folder: Path) -> list[Result]:
    """Return the results of a sweep's runs, or the only result of a run's own folder.

    Raises:
        UserError: there is none.
    """
    alone = Result.read(folder)
    results = read_results(folder) if alone is None or alone.baseline else [alone]
    if not results:
        raise UserError(f"{folder}: no results in it; a run or a sweep leaves a folder with result.json")
    return results
