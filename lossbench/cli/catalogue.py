"""The catalogue: the losses, one loss in full, or those that fit the target of a table."""

import argparse
import inspect
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy import stats

from lossbench import losses, registry
from lossbench.cli.help import loss_items, shown, wrapped
from lossbench.comparison import figures
from lossbench.comparison.curves import LossCurve
from lossbench.config.sweep import typed
from lossbench.data.table import read_column
from lossbench.errors import UserError, did_you_mean
from lossbench.losses.curves import profile
from lossbench.signatures import describe, keyword_parameters

_FEW_CLASSES = 10  # whole numbers of more values are read as counts
_RARE = 0.2  # a class of a smaller share is called rare
_FEW_ROWS = 10  # of a class, with which a stratified split may fail
_FAR = 5  # robust deviations from the median beyond which a value is called an outlier


@dataclass(frozen=True)
class Advice:
    """What was seen of a target, and what follows.

    Attributes:
        task: what it is read as.
        seen: sentences about it.
        fitting: each loss that fits, with the reason.
        options: what the sweep needs besides.
    """

    task: str
    seen: list[str]
    fitting: dict[str, str]
    options: str = ""


def show_task(task: str | None) -> str:
    """The losses by task, all or those of one.

    Raises:
        UserError: there is no such task.

    >>> print(show_task("count").splitlines()[1])
    loss= for count targets
    """
    tasks = sorted({registry.about("loss", name)["task"] for name in registry.losses()})
    if task is not None and task not in tasks:
        raise UserError(f"--task {task}: {did_you_mean(task, tasks)}The tasks: {', '.join(tasks)}")
    return "\n".join(loss_items(task))


def show_loss(name: str) -> str:
    """One loss in full: what it is, its parameters with ranges, its facts, and its names elsewhere.

    Raises:
        UserError: there is no such loss.

    >>> "delta = 1.0: a number greater than 0" in show_loss("huber")
    True
    """
    known = _known(name)
    about, function = registry.about("loss", known), losses.function(known)
    text = inspect.getdoc(function) or ""
    aliases = ", ".join(about["aliases"]) or "-"
    lines = [known, "=" * len(known)]
    for paragraph in text.partition("\n>>>")[0].strip().replace("``", "").split("\n\n"):
        lines += [*wrapped(" ".join(paragraph.split()), 0), ""]
    lines += ["Parameters"]
    parameters = [
        f"loss.{p.name} = {shown(p.default)}: {describe(p.annotation)}" for p in keyword_parameters(function)
    ]
    lines += [line for text in parameters or ["none"] for line in wrapped(text, 2)]
    elsewhere = ", ".join(f"{library} {called}" for library, called in about["elsewhere"].items()) or "-"
    facts = {key: value for key, value in about.items() if key not in ("aliases", "elsewhere", "source")}
    lines += ["", "Facts", *(f"  {key}: {str(value).lower()}" for key, value in facts.items())]
    lines += ["", f"Also called here: {aliases}", *wrapped(f"Elsewhere: {elsewhere}", 0)]
    lines += wrapped(f"Source: {about['source']}", 0)
    lines += ["", f"  python train.py loss={known}"]
    return "\n".join(lines)


def draw_loss(name: str, parameters: Sequence[str], path: Path) -> None:
    """Draw a loss's value, gradient and curvature.

    Args:
        name: under any of its names.
        parameters: as typed for a run: ``loss.delta=2``.
        path: the picture; ``.png`` or ``.svg``.

    Raises:
        UserError: there is no such loss or parameter, it cannot be drawn, or the picture is none.
    """
    known = _known(name)
    given = {}
    for one in parameters:
        key, equals, value = one.removeprefix("loss.").partition("=")
        if not equals:
            raise UserError(f"{one}: a parameter is given as loss.delta=2")
        try:
            given[key] = yaml.load(value, Loader=registry.YAML_LOADER)
        except yaml.YAMLError:
            raise UserError(f"{one}: no value; a parameter is given as loss.delta=2") from None
    losses.get(known, **given)  # which refuses what is no parameter of it
    given.pop("reduction", None)  # of several samples, and one is drawn
    drawn = profile(known, given)
    if drawn is None:
        raise UserError(f"{known} judges more than one number at once: it has no curve to draw")
    if path.suffix.lower() not in (".png", ".svg"):
        raise UserError(f"--picture {path}: a picture is a .png or an .svg")
    if not path.parent.is_dir():
        raise UserError(f"--picture {path}: there is no folder {path.parent}")
    figures.loss_curves(path, {f"{known} {typed(given)}".rstrip(): LossCurve(**drawn)})


def _known(name: str) -> str:
    known = registry.canonical_loss(name)
    if known is None:
        near = did_you_mean(name, [*registry.losses(), *registry.loss_aliases()])
        raise UserError(f"{name}: no such loss. {near}The losses: {', '.join(registry.losses())}")
    return known


def show_fitting(path: str, target: str) -> str:
    """What a table's target looks like, which losses fit it and why, and the sweep to type."""
    column = read_column(path, target)
    advice = advise(column)
    lines = [f"{target} in {path}: {len(column)} rows, read as {advice.task}", ""]
    lines += [line for sentence in advice.seen for line in wrapped(sentence, 2)]
    lines += ["", "Losses that fit"]
    for name, reason in advice.fitting.items():
        lines += [f"  {name}", *wrapped(reason, 6)]
    swept = ",".join(advice.fitting)
    lines += ["", "To compare them", f"  python train.py -m loss={swept} \\"]
    table = [_typed("data.path", path), _typed("data.target", target), f"data.task={advice.task}"]
    lines += [f"    data=table {' '.join(table)} {advice.options}replicates=20"]
    return "\n".join(lines)


def advise(values: NDArray[Any]) -> Advice:
    """Read a target column, numbers or texts without gaps, and say which losses fit it.

    >>> advise(np.array(["a", "b", "a"])).task
    'binary'
    """
    labels, counts = np.unique(values, return_counts=True)
    if len(labels) < 2:
        raise UserError(f"every row holds {labels[0]}; there is nothing to predict")
    numeric = np.issubdtype(values.dtype, np.number)
    whole = numeric and bool((values == np.round(values)).all())
    if not numeric and len(labels) > max(len(values) // 2, 2):
        raise UserError(f"{len(labels)} different texts in {len(values)} rows are no classes; an identifier?")
    if len(labels) == 2:
        advice = _binary(labels, counts)
    elif not numeric or (whole and len(labels) <= _FEW_CLASSES):
        advice = _multiclass(labels, counts, whole)
    else:
        return _numbers(values.astype(np.float64), whole)
    if counts.min() >= _FEW_ROWS:
        return advice
    rarest = (
        f"{labels[counts.argmin()]} has {counts.min()} rows alone: not every part of a split can have it."
    )
    return replace(advice, seen=[*advice.seen, rarest], options="data.stratify=false ")


def _typed(key: str, value: str) -> str:
    """An override as a shell takes it, quoted for Hydra and for the shell where that is needed."""
    plain = re.fullmatch(r"[\w./-]+", value) and not value.isdecimal()
    return f"{key}={value}" if plain else shlex.quote(f'{key}="{value}"')


def _binary(labels: NDArray[Any], counts: NDArray[np.int64]) -> Advice:
    share = counts.min() / counts.sum()
    rare = labels[counts.argmin()]
    fitting = {
        "binary_crossentropy": "probabilities that are calibrated",
        "hinge": "decisions alone, by a margin",
    }
    if share < _RARE:
        fitting["focal"] = f"{rare} is rare, and focal lets the easy majority fade"
    return Advice("binary", [f"Two values; {rare} is {share:.1%} of the rows."], fitting)


def _multiclass(labels: NDArray[Any], counts: NDArray[np.int64], whole: bool) -> Advice:
    share = counts.min() / counts.sum()
    seen = [f"{len(labels)} classes; the rarest, {labels[counts.argmin()]}, is {share:.1%} of the rows."]
    if whole:
        seen.append("They are whole numbers: if they are counts, say data.task=count and loss=poisson.")
    fitting = {
        "sparse_categorical_crossentropy": "probabilities that are calibrated",
        "categorical_generalized_cross_entropy": "withstands wrong labels",
    }
    if share < _RARE / len(labels) * 2:
        fitting["categorical_focal_crossentropy"] = "classes are unequal, and the easy ones fade"
    return Advice("multiclass", seen, fitting)


def _numbers(values: NDArray[np.float64], whole: bool) -> Advice:
    skew = float(stats.skew(values))
    spread = float(stats.median_abs_deviation(values, scale="normal"))
    distance = np.abs(values - np.median(values))
    outliers = float((distance > _FAR * spread).mean()) if spread > 0 else float((distance > 0).mean())
    zeros = float((values == 0).mean())
    seen = [
        f"From {values.min():g} to {values.max():g}, median {np.median(values):g}; skewness {skew:.1f}.",
        f"{zeros:.1%} are zero; {outliers:.1%} lie more than {_FAR} robust deviations from the median.",
    ]
    fitting = {
        "mean_squared_error": "predicts the mean; the reference",
        "huber": "between mean and median, robust to outliers",
    }
    if outliers > 0.001:
        fitting["mean_absolute_error"] = "predicts the median, which the outliers do not move"
    if whole and values.min() >= 0:
        fitting = {"poisson": "the likelihood of counts", **fitting}
        return Advice("count", seen, fitting)
    if values.min() > 0 and skew > 1:
        fitting["mean_squared_logarithmic_error"] = "positive and skewed: ratios count, not differences"
        fitting["mean_absolute_percentage_error"] = "errors in percent of the target"
        return Advice("positive", seen, fitting)
    fitting["log_cosh"] = "as huber, smooth everywhere"
    return Advice("regression", seen, fitting)


def main() -> None:
    """The command: ``catalogue [--task T] [--for TABLE --target COLUMN] [NAME [--picture FILE]]``."""
    parser = argparse.ArgumentParser(prog="catalogue", description=__doc__)
    parser.add_argument("name", nargs="?", help="a loss, under any of its names")
    parser.add_argument("parameters", nargs="*", help="of the loss that is drawn: loss.delta=2")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the loss: a .png or .svg")
    parser.add_argument("--task", help="only the losses for such targets")
    parser.add_argument("--for", dest="table", metavar="TABLE", help="a CSV: which losses fit its target?")
    parser.add_argument("--target", metavar="COLUMN", help="the column of that table")
    options = parser.parse_intermixed_args()
    try:
        if options.parameters and options.picture is None:
            raise UserError(f"{' '.join(options.parameters)}: goes with --picture FILE, which draws the loss")
        if (options.table is None) != (options.target is None):
            raise UserError("--for TABLE and --target COLUMN go together")
        if options.table is not None:
            print(show_fitting(options.table, options.target))
        elif options.name is not None:
            print(show_loss(options.name))
            if options.picture is not None:
                draw_loss(options.name, options.parameters, options.picture)
        else:
            print(show_task(options.task).strip())
    except UserError as error:
        sys.exit(str(error))
