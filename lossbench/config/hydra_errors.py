"""Explain the exceptions of Hydra and OmegaConf to the user: what was wrong, and what to type instead.

An explanation is derived from the type of the exception, from its attributes, and from the overrides that
were given, which Hydra's own parser reads. Texts of other libraries are shown but never searched.
"""

import errno
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from lossbench import commands, registry
from lossbench.errors import UserError, did_you_mean

# The extra of lossbench that installs a launcher of Hydra
_EXTRAS = {"joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}


TRACEBACK_HINT = "HYDRA_FULL_ERROR=1 shows the traceback"  # ends the message of an unexplained error


def explain(error: Exception, words: Sequence[str]) -> str:
    """Return an exception in words: what was passed, what was expected, how to fix it.

    Args:
        error: the exception that a command raised.
        words: the arguments of the command, options included.
    """
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OverrideParseException):
        return _no_override(error.override)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        return _unknown_choice(error)
    if isinstance(error.__cause__, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(str(error.__cause__.full_key))
    choice = _choice_without_name(words) if isinstance(error, ValueError) else None
    several = _several_values(words) if isinstance(error, ConfigCompositionException) else None
    if choice or several:
        return str(choice or several)
    if isinstance(error, OSError) and (error.filename or error.errno == errno.ENOSPC):
        issue = f"{error.filename or 'the disk'}: {error.strerror or error}"
        return f"{issue}; choose another folder with hydra.run.dir= or hydra.sweep.dir="
    if isinstance(error, HydraException | OmegaConfBaseException):
        return f"{_in_words(error)}\nThe keys and their defaults: {commands.shown('train', '--help')}"
    return f"{unexpected(error)}\n{TRACEBACK_HINT}"


def unexpected(error: Exception) -> str:
    """Return the type and the first two lines of an exception that nothing explains."""
    return f"{type(error).__name__}: {' '.join(str(error).splitlines()[:2])}"


def _in_words(error: HydraException | OmegaConfBaseException) -> str:
    """Return the message of a Hydra exception, or the key and the first line of an OmegaConf exception."""
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {str(error).partition(chr(10))[0]}"
    return str(error).strip()


def _no_override(word: str) -> str:
    return (
        f"{word}: not an override; write KEY=VALUE, and quote a value with spaces or special characters "
        "twice, as 'data.path=\"my file (1).csv\"'"
    )


def _unknown_choice(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    if not group:
        return f"{name}: no such config; leave out --config-name and --config-path"
    if group == "hydra/launcher" and name in _EXTRAS:
        extra = _EXTRAS[name]
        return f'{group}={name} is not installed: python -m pip install "lossbench[{extra}]"'
    options = list(error.options or registry.names(group))
    known = [*options, *registry.loss_aliases()] if group == "loss" else options
    near = did_you_mean(name, known, f"{group}=")
    return f"{group}={name}: no such choice. {near}Choose one of: {', '.join(sorted(options)) or '(none)'}"


def _unknown_key(key: str) -> str:
    """Explain an override of a key that the config does not have, with the nearest key."""
    if key.startswith("hydra."):
        section = key.rpartition(".")[0]
        command = commands.shown("train", "--cfg", "hydra", "-p", section)
        return f"{key}: Hydra has no such key. The keys that it has: {command}"
    top = sorted({known.partition(".")[0] for known in registry.config_keys()})
    return f"{key}: no such key. {registry.similar_key(key)}The top level has: {', '.join(top)}"


def _choice_without_name(words: Sequence[str]) -> str | None:
    """Explain ``loss=3``: a group whose choice is not a name."""
    for override in _parsed(words):
        group = override.key_or_group
        is_choice = override.is_sweep_override() or isinstance(override.value(), str | list)
        if group in registry.groups() and not is_choice:
            names = ", ".join(registry.names(group))
            return f"{override.input_line}: a {group} is chosen by its name. Choose one of: {names}"
    return None


def _several_values(words: Sequence[str]) -> str | None:
    """Explain ``loss=mse,mae`` where a single run was asked for."""
    if {"-m", "--multirun"} & set(words):
        return None
    for override in _parsed(words):
        if override.is_sweep_override():
            command = commands.shown("train", "-m", *words)
            hint = "A list has brackets: key=[1,2]"
            return f"{override.input_line}: several values are a sweep: {command}\n{hint}"
    return None


def _parsed(words: Sequence[str]) -> list[Override]:
    """Return those of a command's arguments that are overrides."""
    parser, overrides = OverridesParser.create(), []
    for word in words:
        try:
            overrides += parser.parse_overrides([word])
        except OverrideParseException:  # an option, or the value of one
            continue
    return overrides
