"""Randomness has owners: one seed per purpose, each derived from the replicate's own."""

from typing import Literal

import numpy as np
import torch

Purpose = Literal["split", "initialisation", "order", "dropout", "corruption", "imbalance", "missing_labels"]
# Numbers are fixed for ever: a new purpose takes a new one, so that no older stream changes.
_PURPOSES: dict[Purpose, int] = {
    "split": 0,
    "initialisation": 1,
    "order": 2,
    "dropout": 3,
    "corruption": 4,
    "imbalance": 5,
    "missing_labels": 6,  # else they would be the very rows whose labels are wrong
}


def derive(seed: int, purpose: Purpose, place: int = 0) -> int:
    """A 32-bit seed for one purpose of one replicate; different purposes, and places of one, share nothing.

    >>> derive(3, "split") == derive(3, "split"), derive(3, "split") == derive(3, "order")
    (True, False)
    >>> derive(3, "split") == derive(3, "split", 0), derive(3, "split") == derive(3, "split", 1)
    (True, False)
    """
    return int(np.random.SeedSequence([seed, _PURPOSES[purpose], place]).generate_state(1)[0])


def generator(seed: int, purpose: Purpose) -> torch.Generator:
    """A CPU generator for one purpose of one replicate; the global generator is never drawn from."""
    return torch.Generator().manual_seed(derive(seed, purpose))
