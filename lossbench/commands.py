"""Commands as the reader can type them here: in a checkout a script, from a wheel ``lossbench``."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

VARIABLE = "LOSSBENCH_COMMAND"
_CHECKOUT = Path(__file__).parents[1]
_SCRIPTS = {"train": "train.py"}  # every other command is scripts/NAME.py


def shown(name: str, *arguments: str) -> str:
    """Return a command that works when it is pasted into the shell of this process.

    A command that was itself started as a script names the script, from the working directory; every other
    process (the installed command, a notebook, a launcher's worker) names the installed command, if there is one.

    Args:
        name: of the command: ``train``, ``compare``, ``catalogue``, ``reproduce``.
        arguments: one word each; they are quoted for the shell where that is needed.
    """
    return shlex.join([*_program(name), *arguments])


def _program(name: str) -> list[str]:
    script = _CHECKOUT / _SCRIPTS.get(name, f"scripts/{name}.py")
    started_as_script = Path(sys.argv[0]).suffix == ".py"
    if script.is_file() and (started_as_script or shutil.which("lossbench") is None):
        return ["python", os.path.relpath(script)]
    return ["lossbench", name]


def current() -> list[str]:
    """Return the training command that started this process, word by word, so that it can be typed again.

    A launcher's worker is told the command of the process that started it. A process that was not started by
    a command, such as a notebook, gets the words without any arguments.
    """
    told = os.environ.get(VARIABLE)
    if told is not None:
        return [str(word) for word in json.loads(told)]
    is_command = Path(sys.argv[0]).name in ("lossbench", *_SCRIPTS.values())
    return [*_program("train"), *(sys.argv[1:] if is_command else [])]


def tell_workers() -> None:
    """Put the current command into the environment, for the worker processes of a launcher."""
    os.environ[VARIABLE] = json.dumps(current())
