"""Commands that train nothing import nothing heavy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "lightning",
    "matplotlib",
    "numpy",
    "pandas",
    "pytorch_lightning",
    "scipy",
    "sklearn",
    "torch",
    "torchmetrics",
)
TABLE = ("data=table", "data.path=nope.csv", "data.target=y")
COMMANDS = [
    ("main", ["--help"], 0),
    ("main", [], 0),
    ("main", ["--version"], 0),
    ("main", ["trian"], 1),
    ("train", ["--help"], 0),
    ("train", ["--cfg", "job"], 0),
    ("train", ["-sc", "query=bash"], 0),
    ("train", [*TABLE], 1),
    ("train", ["loss=hubr"], 1),
    ("train", ["data=diabetis"], 1),
    ("train", ["sed=1"], 1),
    ("train", ["loss=huber", "loss.detla=1"], 1),
    ("train", ["loss=mse,mae"], 1),
    ("train", ["-m", "loss=mse,bce"], 1),
    ("train", ["--multirn"], 1),
    ("compare", ["--help"], 0),
    ("reproduce", ["--help"], 0),
    ("catalogue", ["--help"], 0),
    ("catalogue", [], 0),
    ("catalogue", ["--task", "count"], 0),
    ("catalogue", ["huber"], 0),
    ("catalogue", ["hubr"], 1),
]


@pytest.mark.parametrize(
    ("module", "arguments", "status"),
    COMMANDS,
    ids=[" ".join([name, *words]) for name, words, _ in COMMANDS],
)
def test_nothing_heavy_is_imported(tmp_path, module, arguments, status):
    code = (
        f"import sys; sys.argv = ['{module}.py', *sys.argv[1:]]; from lossbench.cli.{module} import main\n"
        "status = 0\n"
        "try: main()\n"
        "except SystemExit as stop: status = int(bool(stop.code))\n"
        f"print('heavy:', *sorted({set(HEAVY)!r} & set(sys.modules)), 'status:', status)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COMP_LINE": "python train.py loss=hu"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False, timeout=60
    )
    assert done.stdout.splitlines()[-1:] == [f"heavy: status: {status}"], done.stderr
