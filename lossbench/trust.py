"""Which code a config may import: only what the user names outside every file."""

import os
import re
from collections.abc import Iterable

from lossbench.errors import UserError

VARIABLE = "LOSSBENCH_TRUST"
_OVERRIDE = re.compile(r"\+{0,2}loss(?:\.outputs\.\w+)?\.function=(.+)")

# Read once, when the program starts: no YAML can set it before that.
_granted = {word.strip() for word in os.environ.get(VARIABLE, "").split(",") if word.strip()}


def grant(overrides: Iterable[str]) -> None:
    """Trust the functions that a command line names.

    The environment passes this trust on to worker processes.
    """
    for match in filter(None, map(_OVERRIDE.fullmatch, overrides)):
        _granted.update(word.strip(" '\"") for word in match[1].split(","))
    if _granted:
        os.environ[VARIABLE] = ",".join(sorted(_granted))


def is_granted(reference: str) -> bool:
    """Return whether the user has named ``module:name``, its module, or a package that contains it."""
    module = reference.partition(":")[0]
    packages = [module, *(module[: dot.start()] for dot in re.finditer(r"\.", module))]
    return bool(_granted & {reference, *packages})


def require(reference: str) -> None:
    """Raise unless ``module:name`` may be imported: a loss of lossbench, or code that the user has named.

    Raises:
        UserError: only a file names it.

    >>> require("lossbench.losses.regression:huber")
    >>> require("os:system")
    Traceback (most recent call last):
    lossbench.errors.UserError: loss.function=os:system: this is code, and only a file names it; ...
    """
    module, _, name = reference.partition(":")
    # not all of lossbench: the module that records the state of git, for instance, runs programs
    a_loss = module.split(".")[:2] == ["lossbench", "losses"]
    if not (a_loss and not name.startswith("_")) and not is_granted(reference):
        raise UserError(
            f"loss.function={reference}: this is code, and only a file names it; to run it, name it on the "
            f"command line (loss.function={reference}; to reproduce: --trust {reference}), or by "
            f"{VARIABLE}={module.partition('.')[0]}"
        )
