"""The help: examples, every choice with its parameters, every key. Read from ``conf/``, so quick."""

import shutil
import textwrap
from typing import Any

import yaml

from lossbench import registry

_EXAMPLES = (
    "loss=huber loss.delta=2",
    "loss=mse data=table data.path=my.csv data.target=price",
    "loss=bce loss.from_logits=true optimizer=sgd optimizer.lr=0.1",
    "loss=custom loss.function=my_module:my_loss",
    "experiment=multi_output_wine loss.weights.alcohol=2",
    "-m loss=mse,mae,huber replicates=20",
)
# Where each group's callables are written, whose docstrings say what they are.
_CODE = {
    "data": "data",
    "model": "training/network",
    "regularizer": "training/regularizers",
    "optimizer": "training/optimizers",
    "schedule": "training/schedules",
}


def help_text(program: str) -> str:
    """What ``--help`` prints, wrapped to the terminal.

    Args:
        program: how the user calls it, ``python train.py``.
    """
    lines = ["Train a small network with the loss you choose, and keep a complete record.", ""]
    lines += [f"  {program} {example}" for example in _EXAMPLES]
    lines += loss_items()
    custom = registry.summaries("losses")["custom"]
    lines += ["", "loss= for any target", *_item("loss", "custom", "", custom)]
    lines += _item("loss", "outputs", "", "Several losses at once, one for each output, or several for one.")
    lines += ["", "experiment=", *wrapped(", ".join(registry.names("experiment")), 2)]
    for group, code in _CODE.items():
        lines += ["", f"{group}="]
        for name in registry.names(group):
            about = registry.summaries(code).get(name, "The data set on which the loss is at home.")
            lines += _item(group, name, "", about)
    lines += ["", "Keys, with their defaults", *_keys(), ""]
    lines += [
        f"  {program} --cfg job    shows a run's whole config",
        f'  eval "$({program} -sc install=bash)"    turns on tab completion',
        f"  {program} --hydra-help    shows what else Hydra can do",
        f"  HYDRA_FULL_ERROR=1 {program} ...    shows tracebacks",
    ]
    return "\n".join(lines)


def loss_items(only: str | None = None) -> list[str]:
    """The losses by task, each with its aliases, first docstring line and parameters."""
    by_task: dict[str, list[str]] = {}
    for name in registry.losses():
        by_task.setdefault(registry.about("loss", name)["task"], []).append(name)
    lines = []
    for task, members in by_task.items():
        if only not in (None, task):
            continue
        lines += ["", f"loss= for {task} targets"]
        for name in members:
            aliases = registry.about("loss", name)["aliases"]
            also = f" ({', '.join(aliases)})" if aliases else ""
            lines += _item("loss", name, also, registry.summaries("losses").get(name, ""))
    return lines


def _item(group: str, name: str, also: str, about: str) -> list[str]:
    own = {k: v for k, v in registry.read(group, name).items() if k not in ("name", "about")}
    parameters = "  ".join(f"{group}.{key}={shown(value)}" for key, value in own.items())
    typed = parameters.replace("${loss.about.data}", "")
    return [f"  {name}{also}", *wrapped(about.replace("``", ""), 6), *wrapped(typed, 6)]


def shown(value: Any) -> str:
    """A value as it stands in YAML."""
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()


def wrapped(text: str, indent: int) -> list[str]:
    """A text's lines, indented and wrapped to the terminal."""
    # A terminal of unknown width is taken to have 80 columns
    width = shutil.get_terminal_size().columns
    margin = " " * indent
    return textwrap.wrap(text, width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)


def _keys() -> list[str]:
    """The keys of ``conf/config.yaml``, as its own lines and comments state them."""
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
    """The README's table of losses, in Markdown: a row each, from YAML and docstring.

    >>> print(losses_table().splitlines()[0])
    | loss | for | also called | parameters | what it is |
    """
    rows = ["| loss | for | also called | parameters | what it is |", "|---|---|---|---|---|"]
    for name in registry.losses():
        about = registry.about("loss", name)
        aliases = ", ".join(f"`{alias}`" for alias in about["aliases"])
        own = {k: v for k, v in registry.read("loss", name).items() if k not in ("name", "about")}
        parameters = ", ".join(f"`{key}={shown(value)}`" for key, value in own.items())
        summary = registry.summaries("losses").get(name, "").replace("``", "`")
        rows.append(f"| `{name}` | {about['task']} | {aliases} | {parameters} | {summary} |")
    return "\n".join(rows)
