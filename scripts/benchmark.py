"""Measure the speed figures of the documentation, each as a ratio to a reference in the same run.

python scripts/benchmark.py [--epochs N] [--repeats N] [--commands | --recorded]
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
from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.config.run_config import RunConfig
from lossbench.records.folder import read_manifest
from lossbench.records.result import Result
from lossbench.runs.run import fit, prepare

ROOT = Path(__file__).parent.parent
SMALL = ("loss=huber", "data=diabetes", "model.hidden_units=[8]", "data.batch_size=32")
SETTINGS = {
    "huber": SMALL,
    "huber with l2": (*SMALL, "regularizer=l2", "regularizer.l2=0.01"),
    "two outputs": ("experiment=multi_output", "model.hidden_units=[8]"),
}
HIDDEN_UNITS, L2 = 8, {"huber with l2": 0.01}
CRITERIA = {
    "huber": nn.HuberLoss(),
    "mean_squared_error": nn.MSELoss(),
    "sparse_categorical_crossentropy": nn.CrossEntropyLoss(),
}
EPOCH, REPLICATES = "one epoch / hand-written loop", "20 replicates / 1"
HELP, ANSWER = "(help) / empty Hydra app", "(answer) / empty Hydra app"
LIMITS = {EPOCH: 1.5, REPLICATES: 2.5, HELP: 1.5, ANSWER: 2.0}
EMPTY_APP = """import hydra


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(config): ...


main()
"""
INSTALLED = "from lossbench.cli.main import main; main()"  # what the command lossbench runs
TRAIN, COMPARE, REPRODUCE, CATALOGUE = (
    str(ROOT / script)
    for script in ("train.py", "scripts/compare.py", "scripts/reproduce.py", "scripts/catalogue.py")
)
# Commands that train nothing: the arguments of Python, and the limit that holds for them
COMMANDS: dict[str, tuple[Sequence[str], str]] = {
    "train --cfg job": ([TRAIN, "--cfg", "job"], HELP),
    "train --help": ([TRAIN, "--help"], HELP),
    "compare --help": ([COMPARE, "--help"], HELP),
    "reproduce --help": ([REPRODUCE, "--help"], HELP),
    "catalogue --help": ([CATALOGUE, "--help"], HELP),
    "lossbench --help": (["-c", INSTALLED, "--help"], HELP),
    "tab completion": ([TRAIN, "-sc", "query=bash"], HELP),
    "catalogue": ([CATALOGUE], ANSWER),
    "catalogue huber": ([CATALOGUE, "huber"], ANSWER),
    "missing file": ([TRAIN, "data=table", "data.path=nope.csv", "data.target=y"], ANSWER),
    "unknown loss": ([TRAIN, "loss=hubr"], ANSWER),
    "unknown data": ([TRAIN, "data=diabetis"], ANSWER),
    "unknown key": ([TRAIN, "sed=1"], ANSWER),
    "unknown parameter": ([TRAIN, "loss=huber", "loss.detla=1"], ANSWER),
}


def resolved(*overrides: str) -> RunConfig:
    return resolve(plain(compose_config(*overrides)))


def fit_seconds(setting: Sequence[str], epochs: int, replicates: int = 1) -> float:
    words = f"trainer.max_epochs={epochs}", "trainer.average=false", f"replicates={replicates}"
    config = resolved(*setting, *words)  # who writes a loop by hand has no averages
    dataset = config.data.load()
    _, module, orders = prepare(config, dataset)
    start = time.perf_counter()
    fit(config, module, orders)
    return time.perf_counter() - start


class HandWritten(nn.Module):
    """The network as written by hand: one hidden layer, and a head for each output."""

    def __init__(self, inputs: int, hidden: int, outputs: Sequence[int]) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.heads = nn.ModuleList(nn.Linear(hidden, units) for units in outputs)

    def forward(self, features: Tensor) -> list[Tensor]:  # noqa: D102
        features = self.hidden(features).relu()
        return [head(features) for head in self.heads]


def hand_written_seconds(setting: Sequence[str], epochs: int, l2: float | None = None) -> float:
    """Return the time of a hand-written loop, with fused Adam and one evaluation on validation an epoch."""
    config = resolved(*setting)
    dataset = config.data.load()
    (split,), _, _ = prepare(config, dataset)
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
    network = HandWritten(features.shape[1], HIDDEN_UNITS, units)
    terms = [
        (CRITERIA[term.function.__name__], term.weight) for output in config.outputs for term in output.terms
    ]
    train = features[split.train], [values[split.train] for values in targets]
    validation = features[split.validation], [values[split.validation] for values in targets]
    return _loop_seconds(network, terms, l2, train, validation, epochs)


Part = tuple[Tensor, list[Tensor]]


def _loop_seconds(
    network: HandWritten,
    terms: Sequence[tuple[nn.Module, float]],
    l2: float | None,
    train: Part,
    validation: Part,
    epochs: int,
) -> float:
    kernels = [parameter for parameter in network.parameters() if parameter.ndim == 2]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    history = []

    def losses(features: Tensor, targets: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        outputs = zip(terms, network(features), targets, strict=True)
        parts = [criterion(output, target) for (criterion, _), output, target in outputs]
        if len(parts) == 1 and l2 is None:
            return parts[0], []
        weighted = [weight * part for (_, weight), part in zip(terms, parts, strict=True)]
        if l2 is not None:
            weighted.append(l2 * sum(kernel.square().sum() for kernel in kernels))
        return sum(weighted[1:], start=weighted[0]), parts

    start = time.perf_counter()
    for _ in range(epochs):
        batches = []
        for rows in torch.randperm(len(train[0])).split(32):
            optimizer.zero_grad()
            loss, parts = losses(train[0][rows], [values[rows] for values in train[1]])
            loss.backward()
            optimizer.step()
            batches.append(torch.stack([loss.detach(), *(part.detach() for part in parts)]) * len(rows))
        with torch.no_grad():
            history.append((torch.stack(batches).sum(0) / len(train[0]), losses(*validation)))
    return time.perf_counter() - start


def command_seconds(arguments: Sequence[str], folder: Path) -> float:
    """Return the time of a command that trains nothing."""
    environment = {"COMP_LINE": "python train.py loss=hu", "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], capture_output=True, cwd=folder, env=environment, check=False
    )
    return time.perf_counter() - start


def command_ratios(repeats: int) -> dict[str, float]:
    """Return the time of each command that trains nothing, divided by the time of an empty Hydra app."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text("x: 1\n")
        (folder / "app.py").write_text(EMPTY_APP)
        empty = partial(command_seconds, ["app.py", "--cfg", "job"], folder)
        return {
            f"{command} {limit}": ratio(partial(command_seconds, arguments, folder), empty, repeats)
            for command, (arguments, limit) in COMMANDS.items()
        }


def record_runs(folder: Path, seeds: int = 100) -> int:
    """Write the records of 10,000 runs and return their number.

    There are five losses, four rates of outliers and five learning rates. The runs of each loss are parts of
    one real training, their scores changed a little.
    """
    names = ("mse", "mae", "huber", "log_cosh", "mean_squared_logarithmic_error")
    for name in names:
        command = (f"loss={name}", "data=petals", f"replicates={seeds}", f"hydra.run.dir={folder}/real")
        whole = lossbench.run(*command)
        cells = itertools.product((0.0, 0.05, 0.1, 0.2), (0.0003, 0.001, 0.003, 0.01, 0.03))
        for index, (outliers, rate) in enumerate(cells):
            _record_setting(whole, folder / "sweep", f"{name}-{index}", index, outliers, rate)
        shutil.rmtree(whole.folder)
    return len(names) * 20 * seeds


def _record_setting(whole: Result, sweep: Path, name: str, index: int, outliers: float, rate: float) -> None:
    """Write a run for each seed of a training, as if it had been trained alone with other settings."""
    curves = whole.curves.set_index("seed").drop(columns="replicate")
    manifest = read_manifest(whole.folder)
    config = (whole.folder / "config.yaml").read_text()
    config = config.replace("outliers: 0.0", f"outliers: {outliers}").replace("lr: 0.001", f"lr: {rate}")
    config = config.replace(f"replicates: {len(whole.seeds)}", "replicates: 1")
    for position, seed in enumerate(whole.seeds):
        run = sweep / f"{name}-{seed}"
        run.mkdir(parents=True)
        scores = {key: values[position] for key, values in whole.metrics.items()}
        metrics = {key: [1.01**index * value if value else value] for key, value in scores.items()}
        replicates = whole.replicates[position : position + 1]
        alone = dataclasses.replace(whole, seeds=[seed], replicates=replicates, metrics=metrics, folder=run)
        alone.write()
        (run / "manifest.json").write_text(
            json.dumps(manifest | {"seeds": {str(seed): manifest["seeds"][str(seed)]}})
        )
        (run / "config.yaml").write_text(config.replace("\nseed: 0", f"\nseed: {seed}"))
        curves.loc[[seed]].reset_index().to_csv(run / "history.csv", index_label="replicate")


def compare_seconds(folder: Path) -> tuple[float, float]:
    """Return the time of a comparison with its page and figures, and its peak memory in MB."""
    start = time.perf_counter()
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"compare.py ended with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def ratio(a: Callable[[], float], b: Callable[[], float], repeats: int) -> float:
    """Return the median over pairs that run in turn, so that a drifting machine cancels out."""
    return statistics.median(a() / b() for _ in range(repeats))


def training_ratios(epochs: int, repeats: int) -> dict[str, float]:
    torch.set_num_threads(1)
    ratios = {}
    for name, setting in SETTINGS.items():
        l2 = L2.get(name)
        fit_seconds(setting, 20), hand_written_seconds(setting, 20, l2)  # warm up
        ours, theirs = (
            partial(fit_seconds, setting, epochs),
            partial(hand_written_seconds, setting, epochs, l2),
        )
        ratios[f"{name}: {EPOCH}"] = ratio(ours, theirs, repeats)
        ratios[f"{name}: {REPLICATES}"] = ratio(partial(fit_seconds, setting, epochs, 20), ours, repeats)
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument(
        "--repeats", type=int, default=3, help="the number of repeats; commands get five times as many"
    )
    parser.add_argument("--commands", action="store_true", help="measure only commands that train nothing")
    parser.add_argument("--recorded", action="store_true", help="measure only the comparison of 10,000 runs")
    options = parser.parse_args()
    if options.recorded:
        with tempfile.TemporaryDirectory() as folder:
            runs = record_runs(Path(folder))
            seconds, memory = compare_seconds(Path(folder) / "sweep")
        print(f"{runs:,} runs compared: {seconds:.1f} s (at most 30), {memory:.0f} MB (at most 1000)")
        return
    ratios = {} if options.commands else training_ratios(options.epochs, options.repeats)
    ratios |= command_ratios(5 * options.repeats)
    for name, value in ratios.items():
        limit = next(limit for ending, limit in LIMITS.items() if name.endswith(ending))
        print(f"{name:<46} {value:5.2f}   (at most {limit})")


if __name__ == "__main__":
    main()
