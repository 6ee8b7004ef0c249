"""Write the floors (layers) of the package, the highest first, into ``docs/architecture.md``.

    python scripts/architecture.py           write the picture
    python scripts/architecture.py --check   fail if the picture is out of date

A module imports only from lower floors, or from its own package. ``tests/test_architecture.py`` checks this.
"""

import argparse
import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, PAGE = ROOT / "lossbench", ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- floors:begin -->", "<!-- floors:end -->"
FLOORS = (
    ("errors", "seeds", "tasks", "commands"),
    ("signatures", "trust"),
    ("registry",),
    ("data", "losses", "metrics"),
    ("training",),
    ("config",),
    ("records",),
    ("comparison", "runs"),
    ("api",),
    ("cli",),
)


def summary(path: Path) -> str:
    """Return the first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return text.partition("\n")[0]


def picture() -> str:
    """Return the floors as text, the highest first: each package or module with what it is."""
    lines = []
    for height in range(len(FLOORS), 0, -1):
        for position, name in enumerate(FLOORS[height - 1]):
            folder = PACKAGE / name
            path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
            label = f"{name}/" if folder.is_dir() else path.name
            lines.append(f"{height if position == 0 else '':>2}  {label:<14} {summary(path)}")
            if folder.is_dir():
                files = sorted(file for file in folder.rglob("*.py") if file.name != "__init__.py")
                lines += [
                    f"      {file.relative_to(folder).as_posix():<26} {summary(file)}" for file in files
                ]
    return "\n".join(lines)


def page_with_picture() -> str:
    """Return the page with the current picture between its markers."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n```text\n{picture()}\n```\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the picture is old")
    options = parser.parse_args()
    page = page_with_picture()
    if options.check:
        sys.exit(0 if page == PAGE.read_text("utf-8") else "out of date: run python scripts/architecture.py")
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
