"""The public API is typed: its stubs are up to date, agree with the code, and reveal mistakes of users."""

import ast
import importlib.util
import inspect
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import lossbench
from lossbench import losses

PACKAGE = Path(lossbench.__file__).parent
ROOT = PACKAGE.parent
STUB = ast.parse((PACKAGE / "losses" / "__init__.pyi").read_text("utf-8"))
CLASSES = [node for node in STUB.body if isinstance(node, ast.ClassDef)]
ALIASES = [
    node for node in STUB.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) != "__all__"
]

RIGHT = """
from pathlib import Path

import torch

import lossbench
from lossbench import losses

y_pred, y_true = torch.tensor([[1.0]]), torch.tensor([[2.0]])
huber: losses.Huber = losses.Huber(2.0, reduction="sum", name="mine")
assert isinstance(huber, losses.Loss)
total: torch.Tensor = huber(y_pred, y_true, sample_weight=[1.0])
by_name: torch.Tensor = losses.huber(y_pred, y_true, delta=2.0)
by_alias: torch.Tensor = losses.mse(y_pred, y_true)
mean_squared_error: losses.MeanSquaredError = losses.MSE()
triplet = losses.Triplet(1.0, mining="hard")
found: losses.Loss = losses.get("huber", delta=2.0)
names: list[str] = losses.names()
by_function: torch.Tensor = losses.function("huber")(y_pred, y_true)
version: str = lossbench.__version__


class Cubic(losses.Loss):
    def call(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_pred - y_true).abs().pow(3).mean(-1)


def train(folder: Path) -> dict[str, list[float | None]]:
    frame = lossbench.results(folder)
    assert frame.shape[0] > 0 and lossbench.compare(folder, metric="rmse")
    return lossbench.run("loss=huber", "loss.delta=2").metrics


cubic: torch.Tensor = Cubic(name="cubic")(y_pred, y_true)
"""

# Each line of code with the error that a type checker reports for it
WRONG = {
    'losses.Huber("2")': "arg-type",
    "losses.Huber(detla=2.0)": "call-arg",
    'losses.Huber(1.0, "sum")': "call-arg",
    "losses.MSE(delta=1.0)": "call-arg",
    "losses.Hubr()": "attr-defined",
    'losses.Triplet(mining="soft")': "arg-type",
    "losses.Huber()(y_pred)": "call-arg",
    "losses.huber(y_pred)": "call-arg",
    "losses.huber(y_pred, y_true, 2.0)": "call-arg",
    "losses.mse(y_pred, y_true, delta=2.0)": "call-arg",
    "losses.function(3)": "arg-type",
    "losses.names(1)": "call-arg",
    "text: str = losses.huber(y_pred, y_true)": "assignment",
    'lossbench.run(["loss=huber"])': "arg-type",
    'lossbench.compare("outputs", metrics="rmse")': "call-arg",
    "lossbench.no_such_function()": "attr-defined",
}
BEFORE_WRONG = (
    "import torch\nimport lossbench\nfrom lossbench import losses\ny_pred = y_true = torch.ones(1, 1)\n"
)


@pytest.fixture
def generator():
    specification = importlib.util.spec_from_file_location("stubs", ROOT / "scripts" / "generate_stubs.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_stubs_are_up_to_date(generator):
    for path, text in generator.stubs().items():
        assert path.read_text("utf-8") == text, f"{path}: run python scripts/generate_stubs.py"


def test_a_stub_that_is_missing_or_out_of_date_is_reported_and_written(generator, monkeypatch, tmp_path):
    (tmp_path / "losses").mkdir()
    (tmp_path / "__init__.pyi").write_text(generator.top_level_stub())
    monkeypatch.setattr(generator, "PACKAGE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate_stubs.py", "--check"])
    with pytest.raises(SystemExit, match=r"out of date: \S+/losses/__init__.pyi\."):
        generator.main()
    monkeypatch.setattr(sys, "argv", ["generate_stubs.py"])
    generator.main()
    assert (tmp_path / "losses" / "__init__.pyi").read_text() == generator.losses_stub()
    monkeypatch.setattr(sys, "argv", ["generate_stubs.py", "--check"])
    generator.main()


def test_every_loss_has_a_class_in_the_stub():
    assert {node.name for node in CLASSES} == {type(losses.get(name)).__name__ for name in losses.names()}


@pytest.mark.parametrize("node", CLASSES, ids=lambda node: node.name)
def test_a_class_of_the_stub_takes_what_the_class_takes(node):
    (constructor,) = (member for member in node.body if isinstance(member, ast.FunctionDef))
    positional, keyword_only = constructor.args.args[1:], constructor.args.kwonlyargs
    actual = inspect.signature(getattr(losses, node.name)).parameters
    assert [argument.arg for argument in (*positional, *keyword_only)] == list(actual)
    assert [argument.arg for argument in keyword_only] == ["name", "reduction"]
    assert all(
        actual[argument.arg].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for argument in positional
    )
    defaults = [
        ast.literal_eval(value) for value in (*constructor.args.defaults, *constructor.args.kw_defaults)
    ]
    assert defaults == [parameter.default for parameter in actual.values()]
    getattr(losses, node.name)(*defaults[: len(positional)])


@pytest.mark.parametrize("node", ALIASES, ids=lambda node: ast.unparse(node))
def test_an_alias_of_the_stub_is_the_same_object(node):
    assert getattr(losses, ast.unparse(node.targets[0])) is getattr(losses, ast.unparse(node.value))


@pytest.mark.slow
def test_a_type_checker_accepts_right_code_and_reports_each_mistake(tmp_path):
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(BEFORE_WRONG + "\n".join(WRONG))
    options = ["--strict", "--follow-imports=silent", "--hide-error-context", "--no-error-summary"]
    command = [sys.executable, "-m", "mypy", "--config-file=", *options, "right.py", "wrong.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    reports = re.findall(r"^(\w+)\.py:(\d+): error: .*\[([\w-]+)\]$", done.stdout, flags=re.MULTILINE)
    assert [report for report in reports if report[0] != "wrong"] == [], done.stdout
    first = BEFORE_WRONG.count("\n") + 1
    by_line = {int(line): code for _, line, code in reports}
    expected = dict(zip(range(first, first + len(WRONG)), WRONG.values(), strict=True))
    assert by_line == expected, done.stdout + done.stderr


def test_the_code_that_type_checks_runs(tmp_path):
    (tmp_path / "right.py").write_text(RIGHT)
    assert runpy.run_path(str(tmp_path / "right.py"))["cubic"] == 1


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").exists()
