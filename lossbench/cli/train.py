"""The command ``train``: it starts Hydra and prints every error as a message.

This module imports no torch.
"""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import lossbench
from lossbench import trust

if TYPE_CHECKING:  # --help does not wait for Hydra
    from lossbench.cli.session import Session

# Allocations between two garbage collections. Imports and configs make many objects, and none of them is
# garbage: with Python's 700 allocations, a tenth of the time before training goes into collections
_ALLOCATIONS = 50_000


def main() -> None:
    """Run what the command line says; the exit status is 0 only if every run has completed."""
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        from lossbench.cli.help import help_text

        print(help_text())
    elif "--version" in arguments:
        print(f"lossbench {lossbench.__version__}")
    else:
        _run(arguments)


def _run(arguments: list[str]) -> None:
    gc.set_threshold(_ALLOCATIONS)
    atexit.register(gc.freeze)  # otherwise Python collects, at exit, memory that the exit frees anyway
    import hydra

    from lossbench import registry
    from lossbench.cli import options
    from lossbench.cli.session import Session
    from lossbench.config import compose

    trust.grant(arguments)
    session = Session()
    with _errors_in_words(session, arguments), session.active():
        options.read(arguments)
        compose.register()
        entry = hydra.main(version_base="1.3", config_path=str(registry.CONF), config_name="config")
        entry(session.job)()
    if any(result.status != "completed" for result in session.results):
        sys.exit(1)


@contextmanager
def _errors_in_words(session: "Session", arguments: list[str]) -> Iterator[None]:
    """Turn every error into one message and an exit status, unless the user wants tracebacks."""
    show_everything = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing a traceback
    try:
        yield
    except KeyboardInterrupt:
        message = f"interrupted; the run that was in training was not kept{session.progress()}"
        print(message, file=sys.stderr)
        sys.exit(130)  # the status by which shells know an interrupt
    except Exception as error:
        if show_everything:
            raise
        sys.exit(_message(error, session, arguments))
    finally:
        os.environ.pop("HYDRA_FULL_ERROR")
        if show_everything is not None:
            os.environ["HYDRA_FULL_ERROR"] = show_everything


def _message(error: Exception, session: "Session", arguments: list[str]) -> str:
    from lossbench.config.hydra_errors import TRACEBACK_HINT, explain

    message = explain(error, arguments)
    in_process = session.sweep is None or session.sweep.in_process
    if in_process or not message.endswith(TRACEBACK_HINT):
        return message
    return f"the launcher stopped: {message}{session.progress()}"  # its jobs never raise
