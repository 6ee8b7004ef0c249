"""Errors for mistakes of the user; messages say what was passed, what was expected and how to fix it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml


class UserError(Exception):
    """A mistake that the user can correct: shown as its message alone, never with a traceback."""


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong in a config: its key, its value, and how to fix it.

    A value of ``...`` means that the key has no value.
    """

    key: str
    value: Any
    hint: str

    def __str__(self) -> str:
        value = "" if self.value is ... else f" = {_as_written(self.value)}"
        return f"{self.key}{value}\n    {self.hint}"


class ConfigError(UserError):
    """Every issue of a config, in one report."""

    def __init__(self, issues: Iterable[Issue], place: str = "the config; nothing was trained") -> None:
        self.issues = tuple(issues)
        report = "\n".join(f"  {issue}" for issue in self.issues)
        super().__init__(f"{counted(len(self.issues), 'issue')} in {place}.\n{report}")


def _as_written(value: Any) -> str:
    """Return the value as YAML writes it, so that the text '2' and the number 2 look different."""
    if isinstance(value, str):
        try:
            return value if isinstance(yaml.safe_load(value), str) else repr(value)
        except yaml.YAMLError:
            return repr(value)
    return "null" if value is None else str(value)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "job"), counted(2, "job")
    ('1 job', '2 jobs')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``name`` most likely means, or None if no name is near.

    >>> nearest("hubr", ["huber", "mean_squared_error"])
    'huber'
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    match = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[match[0]] if match else None


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return ``Did you mean X? ``, or an empty text if no name is near."""
    near = nearest(name, known)
    return f"Did you mean {prefix}{near}? " if near else ""
