"""Example inputs of any loss, drawn from its facts, so that a new loss is tested as soon as it exists."""

import numpy as np
import torch
from torch import Tensor

from lossbench import losses, registry
from lossbench.signatures import keyword_parameters

LOSSES = losses.names()
ELEMENTWISE = [name for name in LOSSES if not registry.loss(name).facts["couples_samples"]]
CLASSES = 4
ITEMS = {"pair": (2,), "triplet": (3,)}  # the shape of a sample's items


def variants(name: str) -> list[dict[str, object]]:
    """Return parameter sets to test a loss with: the defaults, and each single parameter changed."""
    parameters = {p.name: p.default for p in keyword_parameters(losses.function(name))}
    alternatives = {
        "from_logits": True,
        "label_smoothing": 0.2,
        "ignore_class": 1,
        "delta": 0.3,
        "gamma": 0.5,
        "alpha": 0.7,
        "apply_class_balancing": True,
        "q": 0.8,
        "smooth": 0.5,
        "beta": 0.2,
        "margin": 0.3,
        "mining": "all",
        "p": 1.5,
        "swap": True,
        "remove_diagonal": False,
    }
    return [{}, *({key: value} for key, value in alternatives.items() if key in parameters)]


def draw(
    name: str,
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    from_logits: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return predictions and targets in the domain of a loss; ``shape`` holds the axes of the samples."""
    about = registry.loss(name).facts
    random = np.random.default_rng(seed)
    units = CLASSES if about["units"] == "classes" else 3
    scores = random.normal(0, 2, (*shape, *ITEMS.get(about["target"], ()), units))
    if not from_logits:
        scores = _SPACES.get(about["prediction"], lambda values: values)(scores)
    kind = about["target"]
    if kind in ("index", "onehot"):
        targets = random.integers(0, CLASSES, shape)
        targets = np.eye(CLASSES)[targets] if kind == "onehot" else targets
    else:
        targets = {
            "real": lambda: random.normal(0, 2, scores.shape),
            "vector": lambda: random.normal(0, 2, scores.shape),
            "positive": lambda: random.gamma(2, 1, scores.shape),
            "count": lambda: random.poisson(3, scores.shape),
            "binary": lambda: random.integers(0, 2, scores.shape),
            "pair": lambda: random.integers(0, 2, shape),
            "triplet": lambda: random.integers(0, 2, shape),
            "sign": lambda: 2 * random.integers(0, 2, scores.shape) - 1,
            "distribution": lambda: np.eye(CLASSES)[random.integers(0, CLASSES, shape)],
        }[kind]()
    y_true = torch.as_tensor(targets)
    return torch.as_tensor(scores).to(dtype), y_true.to(dtype) if kind != "index" else y_true


def perfect(name: str, y_true: Tensor, from_logits: bool) -> Tensor:
    """Return predictions that match the targets perfectly."""
    about = registry.loss(name).facts
    if about["prediction"] == "unit":
        return torch.eye(CLASSES, dtype=torch.float64)[y_true]
    if about["target"] == "pair":
        return torch.stack([torch.zeros(*y_true.shape, 3), 100 * (1 - y_true)[..., None].expand(-1, 3)], -2)
    if about["target"] == "triplet":
        places = 100 * torch.stack([torch.zeros_like(y_true), 1 - y_true, y_true], -1)
        return places[..., None].expand(-1, 3, 3)
    if about["target"] == "index":
        best = torch.nn.functional.one_hot(y_true, CLASSES).double()
        best = best * 100 if about["prediction"] == "embedding" else best
    else:
        best = y_true.double()
    if from_logits:
        return (best * 2 - 1) * 50 if about["target"] == "binary" else best.clamp(min=1e-7).log()
    return best


_SPACES = {
    "probability": lambda values: 1 / (1 + np.exp(-values)),
    "distribution": lambda values: np.exp(values) / np.exp(values).sum(-1, keepdims=True),
    "positive": np.exp,
    "unit": lambda values: values / np.linalg.norm(values, axis=-1, keepdims=True),
}
