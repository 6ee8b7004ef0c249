"""Where a result comes from: versions, code, data, machine, and the hashes that prove pairing."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import lossbench
from lossbench.records.result import COMMAND

_PACKAGES = (
    "hydra-core",
    "numpy",
    "omegaconf",
    "pandas",
    "pytorch-lightning",
    "scikit-learn",
    "torch",
    "torchmetrics",
)


def manifest(fingerprint: str, seeds: dict[int, dict[str, str]], device: str) -> dict[str, Any]:
    """What ``manifest.json`` holds.

    Args:
        fingerprint: of the data.
        seeds: per seed the hashes of split, initial weights and first epoch's order.
        device: ``cpu`` or ``cuda``, where it trains.
    """
    return {
        "command": json.loads(os.environ.get(COMMAND, "null")) or sys.argv,
        "folder": str(Path.cwd()),
        "versions": {"lossbench": lossbench.__version__, **{n: metadata.version(n) for n in _PACKAGES}},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "accelerator": torch.cuda.get_device_name() if device == "cuda" else None,
        "threads": torch.get_num_threads(),
        "torch_build": torch.__config__.show(),
        "git": git_state(Path(__file__).parents[1]) or git_state(Path.cwd()),
        "source": source_hash(),
        "data_fingerprint": fingerprint,
        "seeds": {str(seed): hashes for seed, hashes in seeds.items()},
        "promise": "the same bits on the same machine, versions and threads; elsewhere equal within "
        "rounding, which training can amplify",
    }


@cache  # as git_state
def source_hash() -> str:
    """A short hash of lossbench's own code, wherever it lies."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def array_hash(*arrays: NDArray[Any]) -> str:
    """A short hash of the arrays' bytes, the same on every machine that computed the same numbers.

    >>> array_hash(np.arange(3)) == array_hash(np.arange(3))
    True
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


@cache  # of the code as this process loaded it, whatever happens to the files later
def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, dirty flag and uncommitted changes of the checkout around ``folder``; None without one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None or _git(folder, "check-ignore", "-q", ".") is not None:
        return None  # no checkout, or an installed package that merely lies inside one
    status = _git(folder, "status", "--porcelain") or ""
    diff = _git(folder, "diff", "HEAD") or ""
    untracked = [line[3:] for line in status.splitlines() if line.startswith("??")]
    return {"commit": commit, "dirty": bool(status), "diff": diff, "untracked": untracked}


def _git(folder: Path, *arguments: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=True,
            env=environment,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
