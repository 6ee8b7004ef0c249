"""Names of tasks and of special choices stand where they are defined, and nowhere else in the package."""

import ast

import pytest

from lossbench.registry import CUSTOM, PACKAGE, TABLE
from lossbench.tasks import TASKS

TOP = "lossbench"  # the modules beside the packages
FOLDERS = [TOP, *sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))]
SPECIAL = {CUSTOM, TABLE}
ALLOWED = {"tasks.py": {*TASKS}, "registry.py": SPECIAL}


def literals(source):
    """Line and text of every string in a source that is exactly such a name."""
    return [
        (node.lineno, node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and node.value in {*TASKS, *SPECIAL}
    ]


def names_in(folder):
    """File, line and text of every such name in a package that is not allowed there."""
    files = (PACKAGE if folder == TOP else PACKAGE / folder).glob("*.py" if folder == TOP else "**/*.py")
    return [
        f"{path.relative_to(PACKAGE)}:{line} {name!r}"
        for path in sorted(files)
        for line, name in literals(path.read_text("utf-8"))
        if name not in ALLOWED.get(str(path.relative_to(PACKAGE)), set())
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_of_a_task_or_of_a_special_choice_is_written_out(folder):
    assert names_in(folder) == []


def test_a_name_is_found_in_code_and_not_in_text():
    source = '"""About regression."""\nif task == "regression":\n    print(f"data.task={name}", "a mask")\n'
    assert literals(source) == [(2, "regression")]
