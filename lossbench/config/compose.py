"""Compose YAML files and overrides into one config, with aliases, open groups and an identity."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from lossbench import registry

_OPEN_GROUPS = ("loss", "data", "model", "optimizer", "schedule", "regularizer", "trainer")
_NOT_IDENTITY = ("hydra", "retry", "baselines")  # keys that do not decide a run's numbers


class AliasSource(ConfigSource):
    """Makes ``loss=MSE`` compose the canonical YAML. It lists nothing, so that help shows no aliases."""

    @staticmethod
    def scheme() -> str:
        """Return the prefix of this source in Hydra's search path."""
        return "aliases"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return an empty config whose defaults list is the canonical name."""
        canonical = registry.canonical_loss(config_path.removeprefix("loss/").removesuffix(".yaml"))
        return ConfigResult(
            provider=self.provider,
            path=f"{self.scheme()}://{self.path}",
            config=OmegaConf.create({"defaults": [canonical]}),
            header=self._get_header_dict(""),
        )

    def available(self) -> bool:
        """Return True: the aliases are always there."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Return False: the aliases add no group."""
        return False

    def is_config(self, config_path: str) -> bool:
        """Return whether the path is a loss under another name."""
        name = config_path.removeprefix("loss/").removesuffix(".yaml")
        return name != config_path and registry.canonical_loss(name) not in (None, name)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return no names."""
        return []


class AliasSearchPath(SearchPathPlugin):
    """Puts the aliases at the end of the search path, behind every YAML."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the aliases; Hydra calls this."""
        search_path.append(provider="lossbench", path="aliases://")


def register() -> None:
    """Give Hydra the aliases, the open groups, ``${config_id:}`` and ``${jobs_at_once:threads}``."""
    Plugins.instance().register(AliasSource)
    Plugins.instance().register(AliasSearchPath)
    base = OmegaConf.create({group: {} for group in _OPEN_GROUPS})
    for group in _OPEN_GROUPS:
        OmegaConf.set_struct(base[group], False)
    ConfigStore.instance().store(name="open_groups", node=base, provider="lossbench")
    OmegaConf.register_new_resolver("config_id", _resolve_config_id, replace=True)
    OmegaConf.register_new_resolver("jobs_at_once", jobs_at_once, replace=True)


def compose_config(*overrides: str) -> DictConfig:
    """Return the config that overrides make, Hydra's own part included."""
    register()
    with initialize_config_dir(str(registry.CONF), version_base="1.3"):
        return compose("config", overrides=list(overrides), return_hydra_config=True)


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a composed config as plain dicts and lists, interpolations resolved, without Hydra's part."""
    shown = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    resolved: Any = OmegaConf.to_container(shown, resolve=True)
    return dict(resolved)


def config_id(config: Mapping[str, Any]) -> str:
    """Return the hash of everything that decides a run's numbers: 12 hexadecimal digits.

    Args:
        config: the config as plain dicts. Equal numbers count as the same (2 and 2.0).

    >>> config_id({"seed": 1, "retry": "none"}) == config_id({"seed": 1.0, "retry": "failed"})
    True
    """
    kept = {key: value for key, value in config.items() if key not in _NOT_IDENTITY}
    loss = kept.get("loss")
    states_facts = isinstance(loss, Mapping) and loss.get("name") == registry.CUSTOM
    derived = [("trainer", "threads"), ("data", "about")] + ([] if states_facts else [("loss", "about")])
    for section, key in derived:
        if isinstance(kept.get(section), Mapping):
            kept[section] = {name: value for name, value in kept[section].items() if name != key}
    text = json.dumps(_canonical(kept), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def jobs_at_once(threads: int | None) -> int:
    """Return how many jobs with this number of threads keep all cores busy; None means all cores for one job.

    >>> jobs_at_once(None)
    1
    """
    from joblib import cpu_count  # it knows the limits of containers

    cores: int = cpu_count()
    return max(cores // (threads or cores), 1)


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _resolve_config_id(*, _root_: DictConfig) -> str:
    return config_id(plain(_root_))
