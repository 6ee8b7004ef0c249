"""What holds for a sweep as a whole: what it may vary, how many jobs it has, and its table. No torch."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from lossbench import registry
from lossbench.errors import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

RESULTS = "results.parquet"
_MOST_JOBS = 10_000  # which take Hydra a quarter of an hour


class Sweep:
    """The overrides of a sweep, parsed.

    Args:
        overrides: as on the command line, and as ``hydra.sweeper.params`` holds them.
    """

    def __init__(self, overrides: Sequence[str]) -> None:
        loader = GlobalHydra.instance().config_loader()  # which expands glob(*)
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
        self.overrides: dict[str, Override] = {one.key_or_group: one for one in parsed}

    def values(self, key: str) -> list[str]:
        """What a key takes, in turn; nothing where it is not given."""
        if key not in self.overrides:
            return []
        override = self.overrides[key]
        if override.is_sweep_override():
            return [str(value) for value in override.sweep_string_iterator()]
        return [str(override.value())]

    @property
    def jobs(self) -> int:
        """How many there are: the product of all that is swept."""
        swept = (key for key, override in self.overrides.items() if override.is_sweep_override())
        return math.prod(len(self.values(key)) for key in swept)

    def issue(self) -> str | None:
        """Why such a sweep would compare nothing, or only fail; None where nothing speaks against it."""
        checks = (
            self._too_many,
            self._sweeps_within,
            self._different_data,
            self._same_seeds,
            self._unfit_parameters,
        )
        return next((issue for check in checks if (issue := check()) is not None), None)

    def _too_many(self) -> str | None:
        if self.jobs <= _MOST_JOBS:
            return None
        return (
            f"{self.jobs:,} jobs are more than the {_MOST_JOBS:,} that a sweep may have, as Hydra composes "
            "all before the first begins; make it several sweeps into one hydra.sweep.dir, and of seeds "
            "replicates"
        )

    def _sweeps_within(self) -> str | None:
        names = self.values("experiment")
        within = [name for name in names if name in registry.names("experiment") and is_sweep(name)]
        if len(names) > 1 and within:
            return f"experiment={within[0]} is a sweep of its own, no job of another; run it alone"
        return None

    def _different_data(self) -> str | None:
        names = self.values("loss")
        if "data" in self.overrides or len(names) < 2:
            return None
        known = {name: "custom" if name == "custom" else registry.canonical_loss(name) for name in names}
        homes = {name: registry.about("loss", loss)["data"] for name, loss in known.items() if loss}
        if len(set(homes.values())) < 2:
            return None
        shown = ", ".join(f"{name} on {home}" for name, home in homes.items())
        return (
            f"these losses are at home on different data ({shown}), which compares nothing; give data= the "
            "one that all of them fit"
        )

    def _same_seeds(self) -> str | None:
        seeds = sorted(int(seed) for seed in self.values("seed") if seed.isdecimal())
        counts = [int(count) for count in self.values("replicates") if count.isdecimal()]
        count = max(counts, default=1)
        if all(after - before >= count for before, after in itertools.pairwise(seeds)):
            return None
        apart = ",".join(str(seeds[0] + index * count) for index in range(len(seeds)))
        return (
            f"seed={','.join(map(str, seeds))} with replicates={count} trains some seeds more than once (a "
            f"run's seeds are seed to seed + replicates - 1); say seed={apart}"
        )

    def _unfit_parameters(self) -> str | None:
        common = set(registry.read("", "config")["loss"]) | {"about", "name"}
        names = [registry.canonical_loss(name) for name in self.values("loss")]
        losses = list(dict.fromkeys(name for name in names if name))
        if len(losses) < 2:
            return None
        for key in self.overrides:
            group, _, parameter = key.lstrip("+").partition(".")
            if group != "loss" or not parameter or parameter in common:
                continue
            without = [name for name in losses if parameter not in registry.read("loss", name)]
            if without and len(without) < len(losses):
                having = [name for name in losses if name not in without]
                return (
                    f"{key} is no parameter of {', '.join(without)}, so that this is no grid; run two sweeps "
                    f"into one folder, -m loss={','.join(having)} {key}=... hydra.sweep.dir=outputs/a and "
                    f"-m loss={','.join(without)} hydra.sweep.dir=outputs/a"
                )
            if without:
                known = [name for name in registry.read("loss", losses[0]) if name not in common]
                return (
                    f"{key}: none of these losses has it. {did_you_mean(parameter, known, 'loss.')}".rstrip()
                )
        return None


def is_sweep(experiment: str) -> bool:
    """Whether a preset is a sweep.

    >>> is_sweep("compare_regression"), is_sweep("regularized")
    (True, False)
    """
    hydra = registry.read("experiment", experiment).get("hydra", {})
    return bool(hydra.get("mode") == "MULTIRUN" or hydra.get("sweeper"))


def results(folder: str | Path) -> "pd.DataFrame":
    """The results of a sweep, or of one run, as a data frame.

    Args:
        folder: of the sweep; runs lie in it, or one run does.

    Returns:
        A row per replicate (and one per failed run): folder, status, seed, every metric, every key of the
        config, as ``loss.delta``; a run without a key has no value there.

    Raises:
        UserError: the folder holds no result.
    """
    import pandas as pd

    from lossbench.records.result import read_config, results_in

    rows: list[dict[str, Any]] = []
    for one in results_in(Path(folder)):
        config = flat(read_config(one.folder))
        origin = {"folder": one.folder.name, "loss": one.label, "data": one.data, "config_id": one.config_id}
        shared = {key: value for key, value in config.items() if key not in ("seed", "replicates")}
        if not one.replicates:
            rows.append({**origin, "status": one.status, "error": one.error, **shared})
        for index, (seed, replicate) in enumerate(zip(one.seeds, one.replicates, strict=True)):
            metrics = {name: values[index] for name, values in one.metrics.items()}
            outcome = {
                "status": replicate.status,
                "epoch": replicate.epoch,
                "best_epoch": replicate.best_epoch,
            }
            rows.append({**origin, "seed": seed, **outcome, **metrics, **shared})
    return pd.DataFrame(rows)


def write_results(folder: Path) -> None:
    """Write :func:`results` beside the runs, as Parquet."""
    from lossbench.records.result import write_atomically

    frame = results(folder)
    for name in frame.columns:
        if frame[name].dtype == object:  # a list in one row, a number in another
            frame[name] = frame[name].map(lambda value: value if value is None else str(value))
    write_atomically(folder / RESULTS, lambda temporary: frame.to_parquet(temporary, index=False))


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A config's keys as they are typed, its losses' facts left out.

    >>> flat({"loss": {"name": "huber", "delta": 1.0, "about": {}}})
    {'loss.name': 'huber', 'loss.delta': 1.0}
    """
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= {} if key == "about" else flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def typed(values: Mapping[str, Any]) -> str:
    """Keys and values as they are typed.

    >>> typed({"data.batch_size": 32, "optimizer.lr": 0.01})
    'data.batch_size=32 optimizer.lr=0.01'
    """
    return " ".join(f"{key}={value}" for key, value in values.items())
