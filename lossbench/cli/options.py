"""The options of Hydra's command line, as its documentation lists them.

Hydra offers no public way to list them. They are declared here so that the message about an unknown option
suggests the nearest known one. A test checks that this table equals Hydra's own parser.
"""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from lossbench import commands
from lossbench.errors import UserError, did_you_mean

_FLAG: dict[str, Any] = {"action": "store_true"}
_CONFIGS = ["job", "hydra", "all"]
_SUBJECTS = ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"]
OPTIONS: dict[tuple[str, ...], dict[str, Any]] = {
    ("--help", "-h"): _FLAG,
    ("--hydra-help",): _FLAG,
    ("--version",): _FLAG,
    ("--cfg", "-c"): {"choices": _CONFIGS},
    ("--resolve",): _FLAG,
    ("--package", "-p"): {},
    ("--run", "-r"): _FLAG,
    ("--multirun", "-m"): _FLAG,
    ("--shell-completion", "-sc"): _FLAG,
    ("--config-path", "-cp"): {},
    ("--config-name", "-cn"): {},
    ("--config-dir", "-cd"): {},
    ("--experimental-rerun",): {},
    ("--info", "-i"): {"nargs": "?", "const": "all", "choices": _SUBJECTS},
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise, where argparse would print its usage and leave the program."""
        raise UserError(f"{message}\nThe options: {commands.shown('train', '--hydra-help')}")


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options and the overrides of a ``train`` command.

    Raises:
        UserError: there is no such option, an option lacks its value, or the overrides are not together.
    """
    parser = _Parser(add_help=False)
    parser.add_argument("overrides", nargs="*")
    for names, properties in OPTIONS.items():
        parser.add_argument(*names, **properties)
    options, unknown = parser.parse_known_args(arguments)
    apart = [word for word in unknown if not word.startswith("-")]
    if unknown and unknown == apart:
        others = [word for word in arguments if word not in (*options.overrides, *apart)]
        command = commands.shown("train", *others, *options.overrides, *apart)
        raise UserError(f"{' '.join(apart)}: all overrides stand together, after the options: {command}")
    if unknown:
        word = next(word for word in unknown if word.startswith("-"))
        name, _, value = word.partition("=")
        near = did_you_mean(name, [name for names in OPTIONS for name in names])
        key = f"{name.lstrip('-')}={value or 'VALUE'}"
        raise UserError(f"{word}: no such option. {near}Keys are written without dashes, as {key}")
    return options
