"""Commands as the reader can type them here: in a checkout a script, from a wheel ``lossbench``."""

import os
import shlex
import shutil
import sys
from pathlib import Path

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
    return " ".join([*_program(name), *map(shlex.quote, arguments)])


def _program(name: str) -> list[str]:
    script = _CHECKOUT / _SCRIPTS.get(name, f"scripts/{name}.py")
    started_as_script = Path(sys.argv[0]).suffix == ".py"
    if script.is_file() and (started_as_script or shutil.which("lossbench") is None):
        return ["python", shlex.quote(os.path.relpath(script))]
    return ["lossbench", name]
