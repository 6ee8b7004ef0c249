"""The floors hold, no modules import each other in a circle, and files and functions stay small."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from architecture import FLOORS, PACKAGE, PAGE, page_with_picture  # noqa: E402

FILES = sorted(PACKAGE.rglob("*.py"))
HEIGHT = {name: height for height, floor in enumerate(FLOORS) for name in floor}
# Imports by a computed name: the component that a config names, the user's own code, a command
DYNAMIC = {"registry.py": 1, "losses/custom.py": 1, "cli/main.py": 1}
NEVER_TORCH = [
    "registry",
    "config.check",
    "config.compose",
    "cli.help",
    "cli.train",
    "records.result",
    "runs.job",
]


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """Every module of lossbench that a file imports: at its top, in a function, for types, by importlib."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lossbench":
            assert node.level == 0
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)}
    return {known for name in names if (known := known_module(name)) is not None} - {module_name(path)}


def known_module(name: str) -> str | None:
    """The module that a dotted name is, or lies in."""
    while "." in name:
        if name in MODULES:
            return name
        name = name.rpartition(".")[0]
    return None


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def test_every_module_stands_on_a_floor():
    rooms = {room(name) for name in MODULES} - {"lossbench"}
    assert rooms == set(HEIGHT)
    entries = [
        path for path in PACKAGE.iterdir() if path.name not in ("__init__.py", "__init__.pyi", "py.typed")
    ]
    assert len([path for path in entries if not path.name.startswith(("_", "."))]) <= 18


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_lower_floors(path):
    own = room(module_name(path))
    if own == "lossbench":
        return  # the public names, imported when they are used
    too_high = {name for name in imported(path) if room(name) != own and HEIGHT[room(name)] >= HEIGHT[own]}
    assert not too_high


def test_no_modules_import_each_other_in_a_circle():
    edges = {name: imported(path) for name, path in MODULES.items() if name != "lossbench"}
    while leaves := [name for name, targets in edges.items() if not targets & set(edges)]:
        for leaf in leaves:
            del edges[leaf]
    assert not edges


def test_imports_by_a_computed_name_are_known():
    counts = {}
    for path in FILES:
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        dynamic = [
            call
            for call in calls
            if ast.unparse(call.func) in ("importlib.import_module", "import_module", "__import__")
            and not isinstance(call.args[0], ast.Constant)
        ]
        if dynamic:
            counts[path.relative_to(PACKAGE).as_posix()] = len(dynamic)
    assert counts == DYNAMIC


@pytest.mark.parametrize("folder", ["training", "runs", "metrics"])
def test_what_runs_after_resolve_looks_no_fact_up(folder):
    """A resolved config holds every consequence of what was chosen: nothing there asks the registry."""
    users = [path for path in FILES if path.parent.name == folder and "lossbench.registry" in imported(path)]
    assert not users


def test_the_picture_is_up_to_date():
    assert PAGE.read_text("utf-8") == page_with_picture()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_and_functions_stay_small(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 50, node.name


@pytest.mark.parametrize("module", NEVER_TORCH)
def test_these_never_reach_torch_or_other_slow_packages(module):
    slow = ("torch", "numpy", "pandas", "scipy", "sklearn", "matplotlib", "pytorch_lightning")
    code = f"import sys, lossbench.{module}; sys.exit(' '.join(set({slow}) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_way_of_a_config_is_straight():
    """Each module imports the next, from the command to the loss."""
    way = [
        "lossbench.cli.train",
        "lossbench.cli.session",
        "lossbench.runs.job",
        "lossbench.runs.run",
        "lossbench.training.build",
        "lossbench.training.lightning_module",
        "lossbench.training.objective",
    ]
    for here, there in itertools.pairwise(way):
        assert there in imported(MODULES[here])
