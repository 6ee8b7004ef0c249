"""The installed command ``lossbench``: it passes its arguments on to the command that they name."""

import importlib
import os
import sys

from lossbench import commands
from lossbench.errors import did_you_mean

# What each command does, in words; the module of the same name has its main()
_COMMANDS = {
    "train": "train one loss, or compare several in a sweep",
    "compare": "compare recorded sweeps or runs by one metric",
    "reproduce": "rerun a recorded run, or sweep, and compare every value",
    "catalogue": "list the losses, or those that fit a table",
}


def main() -> None:
    """Run ``lossbench COMMAND ...``."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(_help())
    elif name in ("-sc", "--shell-completion", "--shell_completion"):
        # bash asks `lossbench -sc query=bash` to complete the line `lossbench train ...`
        os.environ["COMP_LINE"] = os.environ.get("COMP_LINE", "").replace(" train ", " ", 1)
        _start("train")
    elif name == "--version":
        _start("train")
    elif name in _COMMANDS:
        del sys.argv[1]
        _start(name)
    else:
        near = did_you_mean(name, _COMMANDS)
        sys.exit(f"lossbench {name}: no such command. {near}The commands: {', '.join(_COMMANDS)}")


def _help() -> str:
    """Return a line per command, as it can be typed here."""
    rows = {commands.shown(name, "--help"): description for name, description in _COMMANDS.items()}
    width = max(map(len, rows))
    return "\n".join(f"{command:<{width}}  {description}" for command, description in rows.items())


def _start(name: str) -> None:
    importlib.import_module(f"lossbench.cli.{name}").main()
