"""List the losses, show one loss in full, or recommend losses for the target of a table."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench import commands, registry
from lossbench.cli.help import as_yaml, loss_items, wrapped
from lossbench.errors import UserError, did_you_mean
from lossbench.signatures import describe

if TYPE_CHECKING:
    from lossbench.data.recommend import Recommendation

_PICTURES = (".png", ".svg")


def main() -> None:
    """Run the command ``catalogue [--task T] [--for TABLE --target COLUMN] [NAME [--picture FILE]]``."""
    try:
        _answer(_parser().parse_intermixed_args())
    except UserError as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=commands.shown("catalogue"), description=__doc__)
    parser.add_argument("name", nargs="?", help="the name or an alias of a loss")
    parser.add_argument("parameters", nargs="*", help="parameters of the loss to draw, as loss.delta=2")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the loss as a .png or .svg file")
    parser.add_argument(
        "--task", help="list only the losses for this task; with --for, read the column as this task"
    )
    parser.add_argument(
        "--for", dest="path", metavar="TABLE", help="find losses for this CSV or Parquet file"
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column of that table to predict")
    return parser


def _answer(options: argparse.Namespace) -> None:
    if options.parameters and options.picture is None:
        raise UserError(f"{' '.join(options.parameters)}: goes with --picture FILE, which draws the loss")
    if (options.path is None) != (options.target is None):
        raise UserError("--for TABLE and --target COLUMN go together")
    if options.path is not None:
        print(show_recommendation(options.path, options.target, options.task))
    elif options.name is not None:
        print(show_loss(options.name))
        if options.picture is not None:
            draw_loss(options.name, options.parameters, options.picture)
    else:
        print(show_task(options.task).strip())


def show_task(task: str | None) -> str:
    """Return the losses by task, all or those of one task.

    Raises:
        UserError: there is no such task.

    >>> print(show_task("count").splitlines()[1])
    loss= for count targets
    """
    known = sorted({registry.loss(name).task.name for name in registry.losses()})
    if task is not None and task not in known:
        raise UserError(f"--task {task}: {did_you_mean(task, known)}The tasks: {', '.join(known)}")
    return "\n".join(loss_items(task))


def show_loss(name: str) -> str:
    """Return one loss in full: what it is, its parameters with ranges, its facts, and its other names.

    Raises:
        UserError: there is no such loss.

    >>> "delta = 1.0: a number greater than 0" in show_loss("huber")
    True
    """
    known = _canonical(name)
    info, definition = registry.loss(known), registry.definition("loss", known)
    lines = [known, "=" * len(known)]
    for paragraph in definition.docstring.partition("\n>>>")[0].strip().replace("``", "").split("\n\n"):
        lines += [*wrapped(" ".join(paragraph.split()), 0), ""]
    parameters = [
        f"loss.{parameter.name} = {as_yaml(parameter.default)}: {describe(parameter.annotation)}"
        for parameter in definition.parameters
    ]
    lines += ["Parameters", *(line for text in parameters or ["none"] for line in wrapped(text, 2))]
    facts = {key: value for key, value in info.facts.items() if key not in ("aliases", "elsewhere", "source")}
    lines += ["", "Facts", *(f"  {key}: {str(value).lower()}" for key, value in facts.items())]
    elsewhere = ", ".join(f"{library} {name}" for library, name in info.elsewhere.items())
    lines += ["", f"Also called here: {', '.join(info.aliases) or '-'}"]
    lines += [*wrapped(f"Elsewhere: {elsewhere or '-'}", 0), *wrapped(f"Source: {info.source}", 0)]
    lines += ["", f"  {commands.shown('train', f'loss={known}')}"]
    return "\n".join(lines)


def draw_loss(name: str, parameters: Sequence[str], path: Path) -> None:
    """Draw a loss's value, gradient and curvature.

    Args:
        name: the name or an alias of the loss.
        parameters: its parameters, as typed for a run: ``loss.delta=2``.
        path: the picture; ``.png`` or ``.svg``.

    Raises:
        UserError: there is no such loss or parameter, the loss cannot be drawn, or the path cannot be used.
    """
    from lossbench import losses
    from lossbench.comparison import figures
    from lossbench.comparison.curves import LossCurve
    from lossbench.losses.curves import loss_curve
    from lossbench.records.table import typed

    known, values = _canonical(name), _values(parameters)
    losses.get(known, **values)  # raises an error for an unknown parameter
    values.pop("reduction", None)  # it concerns several samples; the picture shows one
    curve = loss_curve(known, values)
    if curve is None:
        raise UserError(f"{known} judges more than one number at once: it has no curve to draw")
    if path.suffix.lower() not in _PICTURES:
        raise UserError(f"--picture {path}: a picture is a {' or an '.join(_PICTURES)}")
    if not path.parent.is_dir():
        raise UserError(f"--picture {path}: there is no folder {path.parent}")
    figures.loss_curves(path, {f"{known} {typed(values)}".rstrip(): LossCurve(**curve)})


def _values(parameters: Sequence[str]) -> dict[str, Any]:
    """Return parameters of a loss, given as typed for a run."""
    import yaml

    values: dict[str, Any] = {}
    for parameter in parameters:
        key, equals, value = parameter.removeprefix("loss.").partition("=")
        if not equals:
            raise UserError(f"{parameter}: a parameter is given as loss.delta=2")
        try:
            values[key] = yaml.load(value, Loader=registry.YAML_LOADER)
        except yaml.YAMLError:
            raise UserError(f"{parameter}: not a value; a parameter is given as loss.delta=2") from None
    return values


def _canonical(name: str) -> str:
    known = registry.canonical_loss(name)
    if known is None:
        near = did_you_mean(name, [*registry.losses(), *registry.loss_aliases()])
        raise UserError(f"{name}: no such loss. {near}The losses: {', '.join(registry.losses())}")
    return known


def show_recommendation(path: str, target: str, task: str | None = None) -> str:
    """Return how the target of a table is read and why, the losses that fit it, and a sweep of them.

    Args:
        path: the path of the table.
        target: the column to predict.
        task: the name of the task to read it as; None decides.

    Raises:
        UserError: the table, the column or the task cannot be used.
    """
    from lossbench.data.recommend import recommend
    from lossbench.data.target_reading import COLUMN_TASKS

    known = {known.name: known for known in COLUMN_TASKS}
    if task is not None and task not in known:
        raise UserError(
            f"--task {task}: {did_you_mean(task, known)}The tasks of a column: {', '.join(known)}"
        )
    advice = recommend(path, target, None if task is None else known[task])
    reading = advice.reading
    lines = [f"{target} in {path}: {reading.present.sum()} rows, read as {reading.task}", ""]
    for sentence in (reading.reason, *advice.observations):
        lines += wrapped(sentence, 2)
    if reading.others:
        others = " or ".join(reading.others)
        lines += wrapped(f"To read it otherwise, add --task {others}, or set data.task and losses for it.", 2)
    lines += ["", "Losses that fit"]
    for name, reason in advice.losses.items():
        lines += [f"  {name}", *wrapped(reason, 6)]
    sweep = commands.shown("train", "-m", f"loss={','.join(advice.losses)}")
    return "\n".join(
        [*lines, "", "To compare them", f"  {sweep} \\", f"    {shlex.join(_table(path, target, advice))}"]
    )


def _table(path: str, target: str, advice: "Recommendation") -> list[str]:
    """Return the overrides that name the table and say how it is read."""
    words = [
        f"data={registry.TABLE}",
        commands.override("data.path", path),
        commands.override("data.target", target),
        f"data.task={advice.reading.task}",
    ]
    if advice.exclude:
        words.append(commands.override("data.exclude", advice.exclude))
    if advice.impute:
        words.append("data.missing=mean")
    if not advice.stratify:
        words.append("data.stratify=false")
    return [*words, "replicates=20"]
