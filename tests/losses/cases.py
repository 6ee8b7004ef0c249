"""Inputs for any loss, made from its facts alone, so that a new loss is tested by existing."""

import numpy as np
import torch
from torch import Tensor

from lossbench import choices, losses
from lossbench.parameters import keyword_parameters

LOSSES = losses.names()
CLASSES = 4


def variants(name: str) -> list[dict[str, object]]:
    """Parameter sets to test a loss with: its defaults, and each parameter that has an alternative."""
    parameters = {p.name: p.default for p in keyword_parameters(losses.function(name))}
    alternatives = {"from_logits": True, "label_smoothing": 0.2, "ignore_class": 1, "delta": 0.3}
    return [{}, *({key: value} for key, value in alternatives.items() if key in parameters)]


def draw(
    name: str,
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    from_logits: bool = False,
) -> tuple[Tensor, Tensor]:
    """Predictions and targets of a loss's own kinds; ``shape`` holds the samples' axes."""
    about = choices.about("loss", name)
    random = np.random.default_rng(seed)
    units = 3 if about["task"] == "regression" else CLASSES
    scores = random.normal(0, 2, (*shape, units))
    if about["prediction"] == "probability" and not from_logits:
        scores = 1 / (1 + np.exp(-scores))
    elif about["prediction"] == "distribution" and not from_logits:
        scores = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    kind = about["target"]
    if kind == "real":
        targets = random.normal(0, 2, scores.shape)
    elif kind == "binary":
        targets = random.integers(0, 2, scores.shape)
    else:
        targets = random.integers(0, CLASSES, shape)
        targets = np.eye(CLASSES)[targets] if kind == "onehot" else targets
    y_true = torch.as_tensor(targets)
    return torch.as_tensor(scores).to(dtype), y_true.to(dtype) if kind != "index" else y_true
