"""The run folder: every file whole or absent, the result last. No torch."""

import csv
import importlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

from lossbench.errors import UserError
from lossbench.registry import YAML_LOADER

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

SCHEMA_VERSION = 1
COMMAND = "LOSSBENCH_COMMAND"  # tells a launcher's workers, in the environment, what the user typed
Status = Literal["completed", "diverged", "failed"]
_CSV_LINES = 100_000  # predictions beyond this go into a Parquet file


@dataclass(frozen=True)
class ReplicateResult:
    """How one replicate's training went.

    Attributes:
        status: ``diverged`` once its losses are no longer finite.
        epoch: the last epoch it was trained for, from 1.
        best_epoch: the epoch of its best yardstick on validation; None if there was none.
    """

    status: Literal["completed", "diverged"]
    epoch: int
    best_epoch: int | None


@dataclass(frozen=True)
class Result:
    """What a run came to: the content of ``result.json``.

    Attributes:
        status: ``completed``; ``diverged`` when no replicate stayed finite; ``failed``.
        loss: the loss's canonical name.
        label: what reports call it.
        data: the data set's name.
        seeds: one per replicate.
        replicates: one each.
        metrics: ``{"test/rmse": [one value per replicate, None where it diverged]}``.
        yardstick: the metric that was monitored.
        higher_is_better: of each metric, its direction.
        config_id: the hash of what decides the numbers.
        duration_s: from reading the data to the last metric, in seconds.
        error: why it failed.
        folder: where the record lies; not part of the file.
    """

    status: Status
    loss: str
    label: str
    data: str
    config_id: str
    seeds: list[int] = field(default_factory=list)
    replicates: list[ReplicateResult] = field(default_factory=list)
    metrics: dict[str, list[float | None]] = field(default_factory=dict)
    yardstick: str | None = None
    higher_is_better: dict[str, bool] = field(default_factory=dict)
    duration_s: float = 0.0
    error: str | None = None
    folder: Path = field(default=Path(), compare=False)

    def write(self) -> None:
        """Write ``result.json``, the mark that the run is over: the last file of a folder."""
        content = {"schema_version": SCHEMA_VERSION, **asdict(self)}
        del content["folder"]
        if self.error is None:
            del content["error"]
        write_json(self.folder / "result.json", content)

    @property
    def table(self) -> "pd.DataFrame":
        """Every metric, a row per replicate, indexed by seed."""
        import pandas as pd

        return pd.DataFrame(self.metrics, index=pd.Index(self.seeds, name="seed"), dtype=float)

    @property
    def curves(self) -> "pd.DataFrame":
        """What was recorded each epoch, a row per replicate and epoch."""
        return read_history(self.folder)

    @property
    def predictions(self) -> "pd.DataFrame":
        """Targets and predictions of the test part, a row per replicate and row of the data."""
        import pandas as pd

        parquet = self.folder / "predictions.parquet"
        return pd.read_parquet(parquet) if parquet.exists() else pd.read_csv(self.folder / "predictions.csv")

    def network(self, replicate: int = 0, output: str | None = None) -> "nn.Sequential":
        """One replicate's trained network as a plain torch module, scaling included.

        Args:
            replicate: which, from 0.
            output: of several, whose; of a single one nothing need be said.

        Returns:
            Features ``(N, F)`` as the data has them to predictions ``(N, U)`` in the user's units, or what
            the loss sees where that is none: logits, probabilities, embeddings.

        Raises:
            UserError: there is no such replicate or output, or no weights.
        """
        # the only way up from this floor, for a notebook's sake, taken only when it is asked for
        trained = importlib.import_module("lossbench.training.export")
        found: nn.Sequential = trained.network(self.folder, replicate, output)
        return found

    @classmethod
    def read(cls, folder: Path) -> "Result | None":
        """The result in a folder, or None where there is none, or a torn one.

        Keys of a later version of lossbench are passed over: a finished run stays a finished run.
        """
        try:
            content = json.loads((folder / "result.json").read_text("utf-8"))
            content["replicates"] = [_known(ReplicateResult, one) for one in content["replicates"]]
            return _known(cls, content | {"folder": folder})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


T = TypeVar("T")


def _known(kind: type[T], content: dict[str, Any]) -> T:
    names = {known.name for known in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in content.items() if key in names})


def read_results(folder: Path) -> list[Result]:
    """The results of the runs right below a folder, by folder name."""
    found = (Result.read(path.parent) for path in sorted(folder.glob("*/result.json")))
    return [result for result in found if result is not None]


def results_in(folder: Path) -> list[Result]:
    """The results of a sweep's runs, or the one of a run's own folder.

    Raises:
        UserError: there is none.
    """
    alone = Result.read(folder)
    found = read_results(folder) if alone is None else [alone]
    if not found:
        raise UserError(f"{folder}: no results in it; a run or a sweep leaves a folder with result.json")
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """The config that a run was given; nothing where there is none that can be read."""
    try:
        return dict(yaml.load((folder / "config.yaml").read_text("utf-8"), Loader=YAML_LOADER))
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        return {}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Where a run comes from; nothing where there is no manifest that can be read."""
    try:
        return dict(json.loads((folder / "manifest.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def read_history(folder: Path) -> "pd.DataFrame":
    """What a run recorded each epoch, a row per replicate and epoch."""
    import pandas as pd

    return pd.read_csv(folder / "history.csv")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place in one step.

    A reader sees the old file or the whole new one, whenever the machine stops.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, "utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON atomically; a number that is not finite is an error, as JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV atomically; floats with all their digits."""

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    write_atomically(path, write)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as safetensors, which loads without running code."""
    from safetensors.numpy import save

    content: bytes = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_predictions(folder: Path, columns: Mapping[str, NDArray[Any]]) -> Path:
    """Write the test part's predictions: a CSV, or Parquet above 100,000 lines."""
    if len(next(iter(columns.values()))) <= _CSV_LINES:
        path = folder / "predictions.csv"
        write_rows(path, list(columns), zip(*(c.tolist() for c in columns.values()), strict=True))
        return path
    import pandas as pd

    path = folder / "predictions.parquet"
    frame = pd.DataFrame(dict(columns))
    write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))
    return path
