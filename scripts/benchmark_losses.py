"""Compare every loss with the same loss of other libraries: time and peak memory of value and gradient.

python scripts/benchmark_losses.py [--repeats N] [NAME ...]

Each loss is computed for a million elements. The peers (Keras on torch, MONAI, kornia,
pytorch-metric-learning) are installed by the extra `peers`. A time ratio is the median over repeats of our
time divided by the time of the peer, in alternating runs on one thread; above 1 we are slower.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lossbench import losses, registry

ROWS, UNITS = 100_000, 10
Peer = Callable[[Tensor, Tensor], Tensor]


def draw(name: str) -> tuple[Tensor, Tensor]:
    """Return a million predictions in the space of the loss, and targets."""
    generator = torch.Generator().manual_seed(0)
    about = registry.loss(name).facts
    target, space = about["target"], about["prediction"]
    if registry.loss(name).task.retrieves:
        embeddings = torch.randn(1000, 1000, generator=generator)
        return functional.normalize(embeddings, dim=1), torch.randint(0, 50, (1000,), generator=generator)
    items = {"pair": 2, "triplet": 3}.get(target)
    if items:
        embeddings = torch.randn(1_000_000 // items // UNITS, items, UNITS, generator=generator)
        return embeddings, torch.randint(0, 2, (len(embeddings),), generator=generator).float()
    scores = torch.randn(ROWS, UNITS, generator=generator)
    spaces = {"probability": scores.sigmoid(), "distribution": scores.softmax(-1), "positive": scores.exp()}
    classes = torch.randint(0, UNITS, (ROWS,), generator=generator)
    binary = torch.randint(0, 2, scores.shape, generator=generator).float()
    targets = {
        "index": classes,
        "onehot": functional.one_hot(classes, UNITS).float(),
        "distribution": torch.randn(ROWS, UNITS, generator=generator).softmax(-1),
        "binary": binary,
        "sign": 2 * binary - 1,
        "count": torch.poisson(torch.ones_like(scores), generator=generator),
        "positive": torch.rand(ROWS, UNITS, generator=generator) + 0.1,
    }
    return spaces.get(space, scores), targets.get(target, torch.randn(ROWS, UNITS, generator=generator))


def peers(name: str) -> dict[str, Peer]:
    """Return the functions of other libraries that compute this loss, each reduced to its mean."""
    from_torch = {f"torch {function}": peer for function, peer in _from_torch(name).items()}
    from_keras = _from_keras(name)
    return {**from_torch, **({} if from_keras is None else {"Keras": from_keras}), **_from_others(name)}


def _from_torch(name: str) -> dict[str, Peer]:
    def per_row(function: Callable[..., Tensor], **options: Any) -> Peer:
        return lambda p, y: function(p, y, reduction="none", **options).mean(-1).mean()

    known: dict[str, dict[str, Peer]] = {
        "mean_squared_error": {"mse_loss": per_row(functional.mse_loss)},
        "mean_absolute_error": {"l1_loss": per_row(functional.l1_loss)},
        "huber": {"huber_loss": per_row(functional.huber_loss)},
        "binary_crossentropy": {
            "binary_cross_entropy": per_row(functional.binary_cross_entropy),
            "binary_cross_entropy_with_logits": per_row(functional.binary_cross_entropy_with_logits),
        },
        "categorical_crossentropy": {
            "cross_entropy (logits)": lambda p, y: functional.cross_entropy(p, y, reduction="none").mean()
        },
        "sparse_categorical_crossentropy": {
            "cross_entropy (logits)": lambda p, y: functional.cross_entropy(p, y, reduction="none").mean()
        },
        "cosine_similarity": {"cosine_similarity": lambda p, y: -functional.cosine_similarity(p, y).mean()},
        "poisson": {"poisson_nll_loss": per_row(functional.poisson_nll_loss, log_input=False)},
        "kl_divergence": {
            "kl_div": lambda p, y: functional.kl_div(p.log(), y, reduction="none").sum(-1).mean()
        },
        "triplet_margin": {
            "triplet_margin_loss": lambda p, y: functional.triplet_margin_loss(
                p[:, 0], p[:, 1], p[:, 2], reduction="none"
            ).mean()
        },
    }
    return known.get(name, {})


def _from_keras(name: str) -> Peer | None:
    import keras

    classes = {known.lower(): known for known in dir(keras.losses) if known[0].isupper()}
    class_name = classes.get(name.replace("_", ""))
    if name == "focal":
        loss = keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True)
    elif class_name is None:
        return None
    else:
        loss = getattr(keras.losses, class_name)(**({"q": 0.5} if "generalized" in name else {}))
    return lambda p, y: loss(y, p)


def _from_others(name: str) -> dict[str, Peer]:
    if name in ("dice", "tversky"):
        from kornia.losses import dice_loss
        from monai.losses import DiceLoss, TverskyLoss

        monai = DiceLoss() if name == "dice" else TverskyLoss()
        functions: dict[str, Peer] = {"MONAI": lambda p, y: monai(p.T[None], y.T[None])}
        if name == "dice":
            functions["kornia"] = lambda p, y: dice_loss(
                torch.stack([1 - p, p])[None], y.long()[None], average="micro"
            )
        return functions
    if name in ("binary_focal_crossentropy", "focal"):
        from kornia.losses import binary_focal_loss_with_logits
        from monai.losses import FocalLoss

        monai_focal = FocalLoss(gamma=2.0, alpha=0.25 if name == "focal" else None)
        return {
            "MONAI (logits)": lambda p, y: monai_focal(p, y),
            "kornia (logits)": lambda p, y: binary_focal_loss_with_logits(
                p, y, alpha=0.25, gamma=2.0, reduction="mean"
            ),
        }
    if name in ("triplet", "circle"):
        from pytorch_metric_learning.losses import CircleLoss, TripletMarginLoss
        from pytorch_metric_learning.miners import BatchHardMiner
        from pytorch_metric_learning.reducers import MeanReducer

        if name == "circle":
            return {"pytorch-metric-learning": CircleLoss(m=0.4, gamma=80)}
        hard = TripletMarginLoss(margin=1.0, reducer=MeanReducer())
        return {"pytorch-metric-learning (hard)": lambda p, y: hard(p, y, BatchHardMiner()(p, y))}
    if name == "contrastive":
        # No other library has it in this form: two functions of torch, as in the source of tensorflow-addons
        def plain(p: Tensor, y: Tensor) -> Tensor:
            d = functional.pairwise_distance(p[:, 0], p[:, 1])
            return (y * d.square() + (1 - y) * (1 - d).clamp(min=0).square()).mean()

        return {"written out": plain}
    return {}


def step(function: Peer, y_pred: Tensor, y_true: Tensor) -> float:
    """Return the seconds that value and gradient take."""
    y_pred = y_pred.detach().requires_grad_()
    start = time.perf_counter()
    function(y_pred, y_true).backward()
    return time.perf_counter() - start


def peak_mebibytes(function: Peer, y_pred: Tensor, y_true: Tensor) -> float:
    """Return the peak of the memory allocated beyond the inputs, as the profiler of torch records it."""
    y_pred = y_pred.detach().requires_grad_()
    with torch.profiler.profile(profile_memory=True) as profile:
        function(y_pred, y_true).backward()
    allocated = peak = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            allocated += event.nbytes()
            peak = max(peak, allocated)
    return peak / 2**20


def compare(name: str, repeats: int) -> list[tuple[str, str, float, float, float, float]]:
    """Return a row for each peer: loss, peer, our milliseconds, time ratio, our and its peak memory."""
    y_pred, y_true = draw(name)
    rows = []
    for peer_name, peer in peers(name).items():
        loss = losses.get(name, **({"mining": "hard"} if name == "triplet" else {}))
        if "logits" in peer_name:
            loss = losses.get(name, from_logits=True)
        for function in (loss, peer, loss, peer):
            step(function, y_pred, y_true)
        pairs = [(step(loss, y_pred, y_true), step(peer, y_pred, y_true)) for _ in range(repeats)]
        ours = statistics.median(pair[0] for pair in pairs)
        ratio = statistics.median(our / their for our, their in pairs)
        memory = peak_mebibytes(loss, y_pred, y_true), peak_mebibytes(peer, y_pred, y_true)
        rows.append((name, peer_name, ours * 1000, ratio, *memory))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=losses.names())
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "torch"  # read when keras is first imported
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print("| loss | peer | ours, ms | time ratio | ours, MiB | peer, MiB |\n|---|---|---|---|---|---|")
    for name in options.names:
        for row in compare(name, options.repeats):
            print("| {} | {} | {:.1f} | {:.2f} | {:.1f} | {:.1f} |".format(*row), flush=True)


if __name__ == "__main__":
    main()
