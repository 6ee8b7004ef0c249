"""Check what a sweep varies, before its first job begins.

This module imports no torch.
"""

import itertools
import math
from collections.abc import Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from lossbench import commands, registry
from lossbench.errors import did_you_mean

_MOST_JOBS = 10_000  # Hydra composes that many configs in a quarter of an hour


class Sweep:
    """The overrides of a sweep, parsed.

    Args:
        overrides: as on the command line, and as ``hydra.sweeper.params`` holds them.
    """

    def __init__(self, overrides: Sequence[str]) -> None:
        loader = GlobalHydra.instance().config_loader()  # expands glob(*)
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
        self.overrides: dict[str, Override] = {override.key_or_group: override for override in parsed}

    def values(self, key: str) -> list[str]:
        """Return the values that a key takes in turn; none if the key is not given."""
        if key not in self.overrides:
            return []
        override = self.overrides[key]
        if override.is_sweep_override():
            return [str(value) for value in override.sweep_string_iterator()]
        return [str(override.value())]

    @property
    def jobs(self) -> int:
        """The number of jobs: the product of the numbers of values."""
        varied = (key for key, override in self.overrides.items() if override.is_sweep_override())
        return math.prod(len(self.values(key)) for key in varied)

    def issue(self) -> str | None:
        """Return why the sweep would compare nothing, or only fail; None if it can begin."""
        checks = (
            self._too_many_jobs,
            self._preset_is_a_sweep,
            self._different_data,
            self._repeated_seeds,
            self._parameters_of_some,
        )
        return next((issue for check in checks if (issue := check()) is not None), None)

    def _too_many_jobs(self) -> str | None:
        if self.jobs <= _MOST_JOBS:
            return None
        return (
            f"{self.jobs:,} jobs are more than the {_MOST_JOBS:,} that a sweep may have: Hydra composes all "
            "of them before the first begins. Split it into several sweeps with the same hydra.sweep.dir, "
            "and use replicates instead of many seeds"
        )

    def _preset_is_a_sweep(self) -> str | None:
        names = self.values("experiment")
        sweeps = [name for name in names if name in registry.names("experiment") and is_sweep(name)]
        if len(names) < 2 or not sweeps:
            return None
        alone = commands.shown("train", f"experiment={sweeps[0]}")
        return (
            f"experiment={sweeps[0]} is a sweep itself and cannot be a job of another; run it alone: {alone}"
        )

    def _different_data(self) -> str | None:
        names = self.values("loss")
        if "data" in self.overrides or len(names) < 2:
            return None
        known = {name: name if name == registry.CUSTOM else registry.canonical_loss(name) for name in names}
        data = {name: registry.loss(loss).data for name, loss in known.items() if loss is not None}
        if len(set(data.values())) < 2:
            return None
        shown = ", ".join(f"{name} on {data_set}" for name, data_set in data.items())
        return (
            f"these losses have different default data ({shown}), so that the sweep would compare nothing; "
            "give a data set that fits all of them, as data=NAME"
        )

    def _repeated_seeds(self) -> str | None:
        seeds = sorted(int(seed) for seed in self.values("seed") if seed.isdecimal())
        counts = [int(count) for count in self.values("replicates") if count.isdecimal()]
        count = max(counts, default=1)
        if all(after - before >= count for before, after in itertools.pairwise(seeds)):
            return None
        apart = ",".join(str(seeds[0] + index * count) for index in range(len(seeds)))
        return (
            f"seed={','.join(map(str, seeds))} with replicates={count} trains some seeds more than once (the "
            f"seeds of a run are seed to seed + replicates - 1); use seed={apart}"
        )

    def _parameters_of_some(self) -> str | None:
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
            if without:
                return self._missing_parameter(key, parameter, losses, without)
        return None

    def _missing_parameter(self, key: str, parameter: str, losses: list[str], without: list[str]) -> str:
        """Return what to do about a parameter that some of the losses, or all, do not have."""
        if len(without) == len(losses):
            known = list(registry.parameters("loss", losses[0]))
            return f"{key}: none of these losses has it. {did_you_mean(parameter, known, 'loss.')}".rstrip()
        having = [name for name in losses if name not in without]
        folder = "hydra.sweep.dir=outputs/a"
        value = self.overrides[key].get_value_string()
        first = commands.shown("train", "-m", f"loss={','.join(having)}", f"{key}={value}", folder)
        second = commands.shown("train", "-m", f"loss={','.join(without)}", folder)
        return (
            f"{key} is not a parameter of {', '.join(without)}. Run two sweeps into the same folder, with "
            f"the other overrides added to both:\n  {first}\n  {second}"
        )


def is_sweep(experiment: str) -> bool:
    """Return whether a preset is a sweep.

    >>> is_sweep("compare_regression"), is_sweep("regularized")
    (True, False)
    """
    hydra = registry.read("experiment", experiment).get("hydra", {})
    return bool(hydra.get("mode") == "MULTIRUN" or hydra.get("sweeper"))
