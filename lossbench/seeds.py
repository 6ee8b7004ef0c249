"""One random number generator per purpose, each derived from the replicate's seed."""

from typing import Literal

import numpy as np
import torch

Purpose = Literal["split", "initialisation", "order", "dropout", "corruption", "imbalance", "missing_labels"]
# These numbers never change; a new purpose takes a new number, so that existing streams stay the same.
_PURPOSES: dict[Purpose, int] = {
    "split": 0,
    "initialisation": 1,
    "order": 2,
    "dropout": 3,
    "corruption": 4,
    "imbalance": 5,
    "missing_labels": 6,  # otherwise they would be the rows with wrong labels
}


def derive(seed: int, purpose: Purpose, place: int = 0) -> int:
    """Return a 32-bit seed for one purpose of one replicate, independent of other purposes and places.

    >>> derive(3, "split") == derive(3, "split"), derive(3, "split") == derive(3, "order")
    (True, False)
    >>> derive(3, "split") == derive(3, "split", 0), derive(3, "split") == derive(3, "split", 1)
    (True, False)
    """
    return int(np.random.SeedSequence([seed, _PURPOSES[purpose], place]).generate_state(1)[0])


def generator(seed: int, purpose: Purpose) -> torch.Generator:
    """Return a CPU generator for one purpose of one replicate; torch's global generator is never used."""
    return torch.Generator().manual_seed(derive(seed, purpose))
