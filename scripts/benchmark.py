"""The speed figures of the README, each as a ratio to a peer that runs beside it.

python scripts/benchmark.py [--epochs N] [--repeats N] [--recorded]
"""

import argparse
import dataclasses
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

import lossbench
from lossbench.cli.main import compose_config
from lossbench.config import compose as composition
from lossbench.config.resolve import Config, check
from lossbench.data.dataset import Dataset
from lossbench.data.splits import Split
from lossbench.records.folder import read_manifest
from lossbench.runs import build as factory
from lossbench.runs import run as experiment

ROOT = Path(__file__).parent.parent
SMALL = ("loss=huber", "data=diabetes", "model.hidden_units=[8]", "data.batch_size=32")
SETTINGS = {
    "huber": SMALL,
    "huber with l2": (*SMALL, "regularizer=l2"),
    "two outputs": ("experiment=multi_output", "model.hidden_units=[8]"),
}
CRITERIA = {
    "huber": nn.HuberLoss(),
    "mean_squared_error": nn.MSELoss(),
    "sparse_categorical_crossentropy": nn.CrossEntropyLoss(),
}
EPOCH, REPLICATES, COMMAND = "one epoch / hand-written loop", "20 replicates / 1", "/ empty Hydra app"
BARS = {EPOCH: 1.6, REPLICATES: 2.5, COMMAND: 1.5}


def built(*overrides: str) -> tuple[Config, Dataset, list[Split]]:
    config = check(composition.plain(compose_config(*overrides)))
    dataset = factory.build_dataset(config)
    return config, dataset, factory.build_splits(config, dataset)


def fit_seconds(setting: Sequence[str], epochs: int, replicates: int = 1) -> float:
    overrides = (*setting, f"trainer.max_epochs={epochs}", f"replicates={replicates}")
    config, dataset, splits = built(*overrides)
    module = factory.build_module(config, dataset, splits)
    orders = factory.build_orders(config, module)
    start = time.perf_counter()
    experiment.fit(config, module, orders)
    return time.perf_counter() - start


class HandWritten(nn.Module):
    """The network one would write: one hidden layer, and a head for each output."""

    def __init__(self, inputs: int, hidden: int, outputs: Sequence[int]) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.heads = nn.ModuleList(nn.Linear(hidden, units) for units in outputs)

    def forward(self, features: Tensor) -> list[Tensor]:  # noqa: D102
        features = self.hidden(features).relu()
        return [head(features) for head in self.heads]


def hand_written_seconds(setting: Sequence[str], epochs: int) -> float:
    """The loop one would write for this network, with fused Adam and one look at validation an epoch."""
    config, dataset, (split,) = built(*setting)
    features = torch.tensor(dataset.features, dtype=torch.float32)
    features = (features - features[split.train].mean(0)) / features[split.train].std(0)
    targets, units = [], []
    for target in dataset.targets:
        values = torch.tensor(target.values)
        real = values.is_floating_point()
        if real:
            values = ((values - values[split.train].mean()) / values[split.train].std()).float()
        targets.append(values.view(len(values), 1) if real else values.flatten())
        units.append(1 if real else len(target.classes))
    train = features[split.train], [values[split.train] for values in targets]
    validation = features[split.validation], [values[split.validation] for values in targets]
    network = HandWritten(features.shape[1], config.model.parameters["hidden_units"][0], units)
    kernels = [parameter for parameter in network.parameters() if parameter.ndim == 2]
    factor = config.regularizer.parameters.get("l2")
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    terms = [
        (CRITERIA[term.loss.function.__name__], term.weight)
        for output in config.outputs
        for term in output.terms
    ]
    history = []

    def losses(features: Tensor, targets: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        outputs = zip(terms, network(features), targets, strict=True)
        parts = [criterion(output, target) for (criterion, _), output, target in outputs]
        if len(parts) == 1 and factor is None:
            return parts[0], []
        weighted = [weight * part for (_, weight), part in zip(terms, parts, strict=True)]
        if factor is not None:
            weighted.append(factor * sum(kernel.square().sum() for kernel in kernels))
        return sum(weighted[1:], start=weighted[0]), parts

    start = time.perf_counter()
    for _ in range(epochs):
        seen = []
        for rows in torch.randperm(len(train[0])).split(32):
            optimizer.zero_grad()
            loss, parts = losses(train[0][rows], [values[rows] for values in train[1]])
            loss.backward()
            optimizer.step()
            seen.append(torch.stack([loss.detach(), *(part.detach() for part in parts)]) * len(rows))
        with torch.no_grad():
            history.append((torch.stack(seen).sum(0) / len(train[0]), losses(*validation)))
    return time.perf_counter() - start


def command_seconds(*command: str, line: str = "") -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env={"COMP_LINE": line})
    return time.perf_counter() - start


def record_runs(folder: Path, seeds: int = 100) -> int:
    """Records as 10,000 runs would leave them: five losses, four rates of outliers, five learning rates.

    Each is a part of one real training of that loss, its scores moved a little; how many there are.
    """
    losses = ("mse", "mae", "huber", "log_cosh", "mean_squared_logarithmic_error")
    for name in losses:
        command = (f"loss={name}", "data=petals", f"replicates={seeds}", f"hydra.run.dir={folder}/real")
        whole = lossbench.run(*command)
        curves = whole.curves.set_index("seed").drop(columns="replicate")
        manifest = read_manifest(whole.folder)
        config = (whole.folder / "config.yaml").read_text()
        cells = itertools.product((0.0, 0.05, 0.1, 0.2), (0.0003, 0.001, 0.003, 0.01, 0.03))
        for place, (outliers, rate) in enumerate(cells):
            changed = config.replace("outliers: 0.0", f"outliers: {outliers}")
            changed = changed.replace("lr: 0.001", f"lr: {rate}").replace(
                f"replicates: {seeds}", "replicates: 1"
            )
            for index, seed in enumerate(whole.seeds):
                one = folder / "sweep" / f"{name}-{place}-{seed}"
                one.mkdir(parents=True)
                scores = {key: [values[index]] for key, values in whole.metrics.items()}
                moved = {key: [1.01**place * v if v else v for v in values] for key, values in scores.items()}
                part = dataclasses.asdict(
                    dataclasses.replace(
                        whole, seeds=[seed], replicates=whole.replicates[index : index + 1], metrics=moved
                    )
                )
                (one / "result.json").write_text(json.dumps(part, default=str))
                own = manifest | {"seeds": {str(seed): manifest["seeds"][str(seed)]}}
                (one / "manifest.json").write_text(json.dumps(own))
                (one / "config.yaml").write_text(changed.replace("\nseed: 0", f"\nseed: {seed}"))
                curves.loc[[seed]].reset_index().to_csv(one / "history.csv", index_label="replicate")
        shutil.rmtree(whole.folder)
    return len(losses) * 20 * seeds


def compare_seconds(folder: Path) -> tuple[float, float]:
    """The time that a comparison takes, page and pictures included, and its memory at most in MB."""
    start = time.perf_counter()
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"compare.py ended with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def ratio(a: Callable[[], float], b: Callable[[], float], repeats: int) -> float:
    """The median over pairs run in turn, so that a drifting machine cancels."""
    return statistics.median(a() / b() for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recorded", action="store_true", help="compare 10,000 recorded runs, and no more")
    options = parser.parse_args()
    if options.recorded:
        with tempfile.TemporaryDirectory() as folder:
            runs = record_runs(Path(folder))
            seconds, memory = compare_seconds(Path(folder) / "sweep")
        print(f"{runs:,} runs compared: {seconds:.1f} s (at most 30), {memory:.0f} MB (at most 1000)")
        return
    epochs, repeats = options.epochs, options.repeats
    torch.set_num_threads(1)
    figures = {}
    for name, setting in SETTINGS.items():
        fit_seconds(setting, 20), hand_written_seconds(setting, 20)  # warm up
        figures[f"{name}: {EPOCH}"] = ratio(
            partial(fit_seconds, setting, epochs), partial(hand_written_seconds, setting, epochs), repeats
        )
        figures[f"{name}: {REPLICATES}"] = ratio(
            partial(fit_seconds, setting, epochs, 20), partial(fit_seconds, setting, epochs), repeats
        )
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
            figures[f"{name} {COMMAND}"] = ratio(
                partial(command_seconds, train, *arguments, line="python train.py loss=hu"),
                partial(command_seconds, str(app), "--cfg", "job"),
                5 * repeats,
            )
    for name, value in figures.items():
        bar = next(bar for ending, bar in BARS.items() if name.endswith(ending))
        print(f"{name:<46} {value:5.2f}   (at most {bar})")


if __name__ == "__main__":
    main()
