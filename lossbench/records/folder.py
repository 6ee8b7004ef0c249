"""Read the files of a run folder. This module imports no torch."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lossbench.registry import YAML_LOADER

if TYPE_CHECKING:
    import pandas as pd


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config that a run was given; an empty dict if there is none that can be read."""
    try:
        return dict(yaml.load((folder / "config.yaml").read_text("utf-8"), Loader=YAML_LOADER))
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        return {}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return where a run comes from; an empty dict if there is no manifest that can be read."""
    return _read_json(folder / "manifest.json")


def read_network_description(folder: Path) -> dict[str, Any]:
    """Return how to rebuild a run's network; an empty dict if there is no such file that can be read."""
    return _read_json(folder / "network.json")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def read_history(folder: Path) -> "pd.DataFrame":
    """Return the values that a run recorded each epoch, a row per replicate and epoch."""
    import pandas as pd

    return pd.read_csv(folder / "history.csv")
