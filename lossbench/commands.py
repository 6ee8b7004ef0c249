"""Commands as the reader can type them here: in a checkout a script, from a wheel ``lossbench``."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "LOSSBENCH_COMMAND"  # the environment variable that gives a launcher's workers the command
_CHECKOUT = Path(__file__).parents[1]
_SCRIPTS = {"train": "train.py"}  # every other command is scripts/NAME.py


def shown(name: str, *arguments: str) -> str:
    """Return a command that works when it is pasted into the shell of this process.

    In a checkout, a process that was started as a script names the script, from the working directory. Every
    other process (the installed command, a notebook, a launcher's worker) names the installed command; where
    there is none, it names the checkout's script.

    Args:
        name: the name of the command: ``train``, ``compare``, ``catalogue``, ``reproduce``.
        arguments: one word each; they are quoted for the shell where that is needed.

    >>> shown("train", "loss=huber", "data.path=my file.csv").partition(" loss=")[2]
    "huber 'data.path=my file.csv'"
    """
    return shlex.join(shown_words(name, *arguments))


def shown_words(name: str, *arguments: str) -> list[str]:
    """Return the command of :func:`shown`, word by word and not quoted."""
    return [*_program(name), *arguments]


def current() -> list[str]:
    """Return the training command that started this process, word by word, so that it can be typed again.

    A launcher's worker returns the command of the process that started it. A process that was not started by
    a command, such as a notebook, returns the words without any arguments.
    """
    words = json.loads(os.environ.get(VARIABLE) or "null")  # a cluster's workers get null if there is none
    if words is not None:
        return [str(word) for word in words]
    is_command = Path(sys.argv[0]).stem == "lossbench" or Path(sys.argv[0]).name in _SCRIPTS.values()
    return shown_words("train", *(sys.argv[1:] if is_command else []))


def tell_workers() -> None:
    """Put the current command into the environment, for the worker processes of a launcher."""
    os.environ[VARIABLE] = json.dumps(current())


def override(key: str, value: str | Sequence[str]) -> str:
    """Return ``key=value`` so that Hydra reads the text, or the texts, in quotes where that is needed.

    >>> override("data.path", "my.csv"), override("data.target", "2020"), override("data.path", "a (1).csv")
    ('data.path=my.csv', 'data.target="2020"', 'data.path="a (1).csv"')
    >>> override("data.exclude", ["id", "Client (ID)"])
    'data.exclude=[id,"Client (ID)"]'
    """
    if isinstance(value, str):
        return f"{key}={_as_typed(value)}"
    return f"{key}=[{','.join(map(_as_typed, value))}]"


def _as_typed(value: str) -> str:
    """Return a text as Hydra reads it alone or in a list."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Quote, QuotedString
    from hydra.errors import HydraException

    try:
        values = OverridesParser.create().parse_override(f"key=[{value}]").value()
        kept = values == [value] and "${" not in value
    except HydraException:
        kept = False
    return value if kept else QuotedString(value.replace("${", "\\${"), Quote.double).with_quotes()


def _program(name: str) -> list[str]:
    """Return the words that start a command."""
    script = _CHECKOUT / _SCRIPTS.get(name, f"scripts/{name}.py")
    started_as_script = Path(sys.argv[0]).suffix == ".py"
    installed = _installed()
    if script.is_file() and (started_as_script or installed is None):
        return ["python" if shutil.which("python") else sys.executable, _from_here(script)]
    return [installed or "lossbench", name]


def _installed() -> str | None:
    """Return the name or the path of the installed command, or None if there is none."""
    if shutil.which("lossbench"):
        return "lossbench"
    started = Path(sys.argv[0])
    candidates = [started] if started.stem == "lossbench" else []
    # An environment that is not activated has its commands beside its Python
    candidates += [Path(sys.executable).with_name(f"lossbench{ending}") for ending in ("", ".exe")]
    return next((str(path) for path in candidates if path.is_file()), None)


def _from_here(path: Path) -> str:
    """Return the path from the working directory, or the whole path where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on Windows, the path is on another drive
        return str(path)
    return min(relative, str(path), key=len)
