"""Build the help text from ``conf/``: examples, every choice with its parameters, and every key.

This module imports no torch.
"""

import shutil
import textwrap
from typing import Any

import yaml

from lossbench import commands, registry

_EXAMPLES = (
    "loss=huber loss.delta=2",
    "loss=mse data=table data.path=my.csv data.target=price",
    "loss=bce loss.from_logits=true optimizer=sgd optimizer.lr=0.1",
    "loss=custom loss.function=my_module:my_loss",
    "experiment=multi_output_wine loss.weights.alcohol=2",
    "-m loss=mse,mae,huber replicates=20",
)
_GROUPS = ("data", "model", "regularizer", "optimizer", "schedule")
# The summaries of the choices that no function implements
_WITHOUT_FUNCTION = {
    ("loss", registry.OUTPUTS): "Use several losses at once: one for each output, or several for one output.",
    ("data", registry.AUTO): "Use the default data set of the loss.",
}


def help_text() -> str:
    """Return what ``train --help`` prints, wrapped to the terminal."""
    lines = ["Train a small network with the loss that you choose, and keep a complete record.", ""]
    lines += [f"  {commands.shown('train', *example.split())}" for example in _EXAMPLES]
    lines += loss_items()
    lines += ["", "loss= for any target"]
    for name in (registry.CUSTOM, registry.OUTPUTS):
        lines += _item("loss", name)
    lines += ["", "experiment=", *wrapped(", ".join(registry.names("experiment")), 2)]
    for group in _GROUPS:
        lines += ["", f"{group}="]
        for name in registry.names(group):
            lines += _item(group, name)
    lines += ["", "Keys, with their defaults", *_keys(), ""]
    train = commands.shown("train")
    lines += [
        f"  {train} --cfg job    shows the whole config of a run",
        f'  eval "$({train} -sc install=bash)"    turns on tab completion',
        f"  {train} --hydra-help    shows what else Hydra can do",
        f"  HYDRA_FULL_ERROR=1 {train}    shows the traceback of an error",
    ]
    return "\n".join(lines)


def loss_items(task: str | None = None) -> list[str]:
    """Return the losses by task, each with its aliases, its summary and its parameters.

    Args:
        task: the only task whose losses are returned.
    """
    by_task: dict[str, list[str]] = {}
    for name in registry.losses():
        by_task.setdefault(registry.loss(name).task.name, []).append(name)
    lines = []
    for name, members in by_task.items():
        if task in (None, name):
            lines += ["", f"loss= for {name} targets"]
            lines += [line for loss in members for line in _item("loss", loss, registry.loss(loss).aliases)]
    return lines


def _item(group: str, name: str, aliases: tuple[str, ...] = ()) -> list[str]:
    also = f" ({', '.join(aliases)})" if aliases else ""
    values = registry.parameters(group, name)
    typed = "  ".join(f"{group}.{key}={as_yaml(value)}" for key, value in values.items())
    return [
        f"  {name}{also}",
        *wrapped(summary(group, name).replace("``", ""), 6),
        *wrapped(typed.replace("${loss.about.data}", ""), 6),
    ]


def summary(group: str, name: str) -> str:
    """Return what a choice is, in one sentence."""
    if registry.has_definition(group, name):
        return registry.definition(group, name).summary
    return _WITHOUT_FUNCTION[group, name]


def as_yaml(value: Any) -> str:
    """Return a value as it is written in YAML."""
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()


def wrapped(text: str, indent: int) -> list[str]:
    """Return the lines of a text, indented and wrapped to the terminal."""
    width = shutil.get_terminal_size().columns  # 80 where it is not known
    margin = " " * indent
    return textwrap.wrap(text, width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)


def _keys() -> list[str]:
    """Return the keys of ``conf/config.yaml`` with the comments beside them."""
    lines: list[str] = []
    section = ""
    for line in (registry.CONF / "config.yaml").read_text("utf-8").splitlines():
        if line.startswith("hydra:"):
            break
        text, _, comment = line.partition(" # ")
        key, colon, value = text.partition(":")
        if not colon or text.startswith(("#", "defaults", "  -")):
            continue
        section = section if text.startswith(" ") else ""
        if value.strip():
            lines += [f"  {section}{key.strip()}={value.strip()}", *wrapped(comment, 6)]
        else:
            section = f"{key}."
    return lines


def losses_table() -> str:
    """Return the table of losses for the documentation, in Markdown: one row for each.

    >>> print(losses_table().splitlines()[0])
    | loss | for | also called | parameters | what it is |
    """
    rows = ["| loss | for | also called | parameters | what it is |", "|---|---|---|---|---|"]
    for name in registry.losses():
        info, values = registry.loss(name), registry.parameters("loss", name)
        aliases = ", ".join(f"`{alias}`" for alias in info.aliases)
        parameters = ", ".join(f"`{key}={as_yaml(value)}`" for key, value in values.items())
        description = summary("loss", name).replace("``", "`")
        rows.append(f"| `{name}` | {info.task} | {aliases} | {parameters} | {description} |")
    return "\n".join(rows)
