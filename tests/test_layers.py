"""The floors hold: nobody imports from a higher one, sideways, or in a circle."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lossbench"

# Each module or folder stands on one floor and imports from lower ones; a folder's files from each other.
FLOORS = [
    ["errors", "seeds"],
    ["claims"],
    ["choices"],
    ["parameters", "help", "trust"],
    ["losses", "data", "models", "regularizers", "optimizers", "schedules", "records"],
    ["sweeps"],
    ["objective", "metrics", "selection", "figures", "provenance", "terminal", "profiles"],
    ["comparison"],
    ["module", "sections"],
    ["facts"],
    ["combinations"],
    ["progress", "schema"],
    ["factory", "composition", "catalogue", "trained"],
    ["recording"],
    ["experiment"],
    ["reproduction"],
    ["commands"],
]


def rooms() -> list[str]:
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    return sorted(found - {"__init__"})


def imports(room: str) -> set[str]:
    place = PACKAGE / room
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lossbench"):
                parts = node.module.split(".")
                found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("lossbench.")}
    return found - {room}


def test_every_room_stands_on_a_floor():
    assert sorted(room for floor in FLOORS for room in floor) == rooms()


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_from_lower_floors(room):
    height = {name: level for level, floor in enumerate(FLOORS) for name in floor}
    too_high = {other for other in imports(room) if height[other] >= height[room]}
    assert not too_high


@pytest.mark.parametrize("room", ["records", "choices", "help", "terminal", "figures", "errors"])
def test_these_never_reach_torch(room):
    code = f"import sys, lossbench.{room}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_comparison_is_made_without_torch():
    code = "import sys, lossbench.comparison.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_straight_line_is_straight():
    """Each file from train.py to huber imports the next; seven in all."""
    line = ["commands", "experiment", "factory", "module", "objective"]
    assert "commands" in (PACKAGE.parent / "train.py").read_text()
    for here, there in itertools.pairwise(line):
        assert there in imports(here)
