"""The speed figures of the README, each as a ratio to a peer that runs beside it.

python scripts/benchmark.py [--epochs N] [--repeats N]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from lossbench import composition, experiment, factory
from lossbench.commands import compose_config
from lossbench.schema import check

ROOT = Path(__file__).parent.parent
SETTING = ("loss=huber", "data=diabetes", "model.hidden_units=[8]", "data.batch_size=32")
BARS = {
    "one epoch / hand-written loop": 1.6,
    "20 replicates / 1 replicate": 2.5,
    "--cfg job / empty Hydra app": 1.5,
    "--help / empty Hydra app": 1.5,
    "tab completion / empty Hydra app": 1.5,
}


def fit_seconds(epochs: int, replicates: int) -> float:
    overrides = (*SETTING, f"trainer.max_epochs={epochs}", f"replicates={replicates}")
    config = check(composition.plain(compose_config(*overrides)))
    dataset = factory.build_dataset(config)
    module = factory.build_module(config, dataset, factory.build_splits(config, dataset))
    orders = factory.build_orders(config, module)
    start = time.perf_counter()
    experiment.fit(config, module, orders)
    return time.perf_counter() - start


def hand_written_seconds(epochs: int) -> float:
    """The loop one would write for this network, fused Adam and one validation pass an epoch."""
    config = check(composition.plain(compose_config(*SETTING)))
    dataset = factory.build_dataset(config)
    split = factory.build_splits(config, dataset)[0]
    features = torch.tensor(dataset.features, dtype=torch.float32)
    targets = torch.tensor(dataset.target.values, dtype=torch.float32)
    mean, std = features[split.train].mean(0), features[split.train].std(0)
    features = (features - mean) / std
    targets = (targets - targets[split.train].mean()) / targets[split.train].std()
    x, y = features[split.train], targets[split.train]
    x_validation, y_validation = features[split.validation], targets[split.validation]
    network = nn.Sequential(nn.Linear(x.shape[1], 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    criterion = nn.HuberLoss()
    history = []
    start = time.perf_counter()
    for _ in range(epochs):
        total = torch.zeros(())
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            loss = criterion(network(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        with torch.no_grad():
            history.append((total / len(x), criterion(network(x_validation), y_validation)))
    return time.perf_counter() - start


def command_seconds(*command: str, line: str = "") -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env={"COMP_LINE": line})
    return time.perf_counter() - start


def ratio(a: Callable[[], float], b: Callable[[], float], repeats: int) -> float:
    """The median over pairs run in turn, so that a drifting machine cancels."""
    return statistics.median(a() / b() for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    epochs, repeats = options.epochs, options.repeats
    torch.set_num_threads(1)
    fit_seconds(50, 1), hand_written_seconds(50)  # warm up

    figures = {
        "one epoch / hand-written loop": ratio(
            lambda: fit_seconds(epochs, 1), lambda: hand_written_seconds(epochs), repeats
        ),
        "20 replicates / 1 replicate": ratio(
            lambda: fit_seconds(epochs, 20), lambda: fit_seconds(epochs, 1), repeats
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.py"
        (Path(folder) / "config.yaml").write_text("x: 1\n")
        app.write_text(
            "import hydra\n\n\n@hydra.main(version_base='1.3', config_path='.', config_name='config')\n"
            "def main(config): ...\n\n\nmain()\n"
        )
        train = str(ROOT / "train.py")
        for name, arguments in (
            ("--cfg job", ["--cfg", "job"]),
            ("--help", ["--help"]),
            ("tab completion", ["-sc", "query=bash"]),
        ):
            figures[f"{name} / empty Hydra app"] = ratio(
                partial(command_seconds, train, *arguments, line="python train.py loss=hu"),
                partial(command_seconds, str(app), "--cfg", "job"),
                5 * repeats,
            )
    for name, value in figures.items():
        print(f"{name:<36} {value:5.2f}   (at most {BARS[name]})")


if __name__ == "__main__":
    main()
