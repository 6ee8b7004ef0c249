"""Write the generated parts of the documentation from the code: ``python scripts/generate_docs.py``."""

import re
from pathlib import Path

from lossbench import registry
from lossbench.cli.help import as_yaml, losses_table, summary
from lossbench.tasks import TASKS

DOCS = Path(__file__).resolve().parent.parent / "docs"


def blocks(page: str) -> dict[str, str]:
    """Return the generated blocks of a page by name, as they must be."""
    names: list[str] = re.findall(r"<!-- (\w+):begin -->", page)
    return {name: _block(name) for name in names if name != "floors"}


def replaced(page: str) -> str:
    """Return a page with its generated blocks up to date."""
    for name, content in blocks(page).items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}"
    return page


def _block(name: str) -> str:
    if name == "losses":
        return losses_table()
    if name == "tasks":
        return _tasks_table()
    if name == "reference":
        return _reference()
    return _choices_table(name)


def _choices_table(group: str) -> str:
    """Return the table of a group's choices, with the keys that each adds to the config."""
    rows = [f"| `{group}=` | keys with their defaults | what it is |", "|---|---|---|"]
    for name in registry.names(group):
        keys = registry.parameters(group, name).items()
        typed = ", ".join(f"`{key}={as_yaml(value)}`" for key, value in keys)
        rows.append(f"| `{name}` | {typed} | {summary(group, name).replace('``', '`')} |")
    return "\n".join(rows)


def _tasks_table() -> str:
    rows = ["| task | a target is | metrics |", "|---|---|---|"]
    for name, task in TASKS.items():
        metrics = ", ".join(f"`{metric.name}`" for metric in task.metrics)
        rows.append(f"| `{name}` | {task.target} | {metrics} |")
    return "\n".join(rows)


def _reference() -> str:
    """Return the directives that document every module of losses."""
    modules = {registry.definition("loss", name).module for name in registry.losses()}
    return "\n\n".join(
        f"## {module.rpartition('.')[2].capitalize()}\n\n"
        f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```"
        for module in sorted(modules)
    )


def main() -> None:
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text("utf-8")
        if (new := replaced(page)) != page:
            path.write_text(new, "utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
