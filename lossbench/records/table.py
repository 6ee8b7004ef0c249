"""The results of a sweep as one table, and the keys of a config as a user types them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.records.result import Result

RESULTS = "results.parquet"


def results(folder: str | Path) -> "pd.DataFrame":
    """Return the results of a sweep, or of one run, as a data frame.

    Args:
        folder: the folder of a sweep, which holds the folders of its runs, or of one run.

    Returns:
        A row per replicate (and one per failed run): folder, status, seed, every metric, and every key of
        the config, such as ``loss.delta``. A run without a key has no value in its column.

    Raises:
        UserError: the folder holds no result.
    """
    import pandas as pd

    from lossbench.records.result import results_in

    return pd.DataFrame([row for result in results_in(Path(folder)) for row in _rows(result)])


def _rows(result: "Result") -> list[dict[str, Any]]:
    """Return a row per replicate of a run, or a single row for a failed run."""
    from lossbench.records.folder import read_config

    origin = {
        "folder": result.folder.name,
        "loss": result.label,
        "data": result.data,
        "config_id": result.config_id,
    }
    config = flat(read_config(result.folder))
    shared = {key: value for key, value in config.items() if key not in ("seed", "replicates")}
    if not result.replicates:
        return [{**origin, "status": result.status, "error": result.error, **shared}]
    rows = []
    for index, (seed, replicate) in enumerate(zip(result.seeds, result.replicates, strict=True)):
        training = {"status": replicate.status, "epoch": replicate.epoch, "best_epoch": replicate.best_epoch}
        metrics = {name: values[index] for name, values in result.metrics.items()}
        rows.append({**origin, "seed": seed, **training, **metrics, **shared})
    return rows


def write_results(folder: Path) -> None:
    """Write :func:`results` beside the runs, as Parquet."""
    from lossbench.records.files import write_atomically

    frame = results(folder)
    for name in frame.columns:
        if frame[name].dtype == object:  # such as a list in one row and a number in another
            frame[name] = frame[name].map(lambda value: value if value is None else str(value))
    write_atomically(folder / RESULTS, lambda temporary: frame.to_parquet(temporary, index=False))


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a config's values by their full keys, without the facts of its losses.

    >>> flat({"loss": {"name": "huber", "delta": 1.0, "about": {}}})
    {'loss.name': 'huber', 'loss.delta': 1.0}
    """
    values: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            values |= {} if key == "about" else flat(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values


def typed(values: Mapping[str, Any]) -> str:
    """Return keys and values as a user types them.

    >>> typed({"data.batch_size": 32, "optimizer.lr": 0.01})
    'data.batch_size=32 optimizer.lr=0.01'
    """
    return " ".join(f"{key}={value}" for key, value in values.items())
