"""Where a result comes from: versions, code, data, machine, and the hashes that prove pairing."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import lossbench
from lossbench.data.splits import PARTS, Split

_PACKAGE = Path(lossbench.__file__).parent
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


def manifest(
    fingerprint: str, seeds: dict[int, dict[str, str]], device: str, command: Sequence[str]
) -> dict[str, Any]:
    """Return the content of ``manifest.json``.

    Args:
        fingerprint: the fingerprint of the data.
        seeds: for each seed, the hashes of the split, the initial weights and the first epoch's order.
        device: ``cpu`` or ``cuda``, where the run is trained.
        command: the command that started the run, word by word.
    """
    return {
        "command": list(command),
        "folder": str(Path.cwd()),
        "versions": {
            "lossbench": lossbench.__version__,
            **{package: metadata.version(package) for package in _PACKAGES},
        },
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "accelerator": torch.cuda.get_device_name() if device == "cuda" else None,
        "threads": torch.get_num_threads(),
        "torch_build": torch.__config__.show(),
        "git": git_state(_PACKAGE) or git_state(Path.cwd()),
        "source": source_hash(),
        "data_fingerprint": fingerprint,
        "seeds": {str(seed): hashes for seed, hashes in seeds.items()},
        "promise": "the same bits on the same machine, versions and threads; elsewhere equal within "
        "rounding, which training can amplify",
    }


@cache  # the state of the code when this process loaded it, whatever happens to the files later
def source_hash() -> str:
    """Return a short hash of lossbench's own code."""
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(str(file.relative_to(_PACKAGE)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def array_hash(*arrays: NDArray[Any]) -> str:
    """Return a short hash of the arrays' bytes; equal numbers give equal hashes on every machine.

    >>> array_hash(np.arange(3)) == array_hash(np.arange(3))
    True
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def split_hash(split: Split) -> str:
    """Return the hash of the rows of all parts, by which runs and baselines of a seed are paired."""
    return array_hash(*(getattr(split, part) for part in PARTS))


@cache  # as source_hash
def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit, dirty flag and uncommitted changes of the checkout around ``folder``, or None."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None or _git(folder, "check-ignore", "-q", ".") is not None:
        return None  # no checkout, or an installed package that happens to be inside one
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
