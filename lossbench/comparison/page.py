"""The comparison as one HTML file that needs no network: verdict, tables, charts, commands. No torch."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from lossbench.comparison.drawing import MISSING, POINTS, digits, shaded, shown, summary, values_on
from lossbench.records import write_text

_DECISIONS = {"undecided": "undecided", "too_few_seeds": "too few seeds"}


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
        text: what is shown.
        values: what sorting goes by and copying gives, in full precision; several fill several columns.
        kind: how it looks, a CSS class: ``number``, ``text``, and others of the template's.
        swatch: the color of the loss; None for none.
    """

    text: str
    values: Sequence[Any]
    kind: str = "number"
    swatch: int | None = None

    @property
    def copied(self) -> str:
        """The values as copied, one column each."""
        return "\t".join("" if value is None else re.sub(r"\s", " ", str(value)) for value in self.values)


class Column(NamedTuple):
    """A column's head: what is shown, the names that its values are copied under, and how it looks."""

    text: str
    names: Sequence[str]
    kind: str = "number"


class Table(NamedTuple):
    """A table that can be sorted and copied."""

    name: str
    columns: list[Column]
    rows: list[list[Cell]]


def write_page(
    path: Path, comparison: dict[str, Any], curves: dict[str, pd.DataFrame], commands: list[str]
) -> None:
    """Write the comparison as one offline page.

    Args:
        path: the HTML file.
        comparison: as in ``comparison.json``; of ``matrix``, ``higher_is_better`` (one for each of its
            metrics) may be given too, and makes the heat map run from worst to best.
        curves: by label, columns ``seed``, ``epoch``, ``train/loss``, ``validation/loss`` and
            ``validation/<yardstick>``.
        commands: that give it all again, one a line.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = {label: summary(frame) for label, frame in curves.items() if len(frame)}
    labels = list(dict.fromkeys([*(group["label"] for group in comparison["groups"]), *drawn]))
    colors = {label: place for place, label in enumerate(labels)}
    data = list(dict.fromkeys(group["data"] for group in comparison["groups"]))
    charts = {
        "metric": comparison["metric"],
        "higher": comparison["higher_is_better"],
        "groups": [
            {"color": colors[group["label"]], **_picked(group, _DRAWN)} for group in comparison["groups"]
        ],
        "curves": [{"label": label, "color": colors[label], **curve} for label, curve in drawn.items()],
        "matrix": shaded(comparison["matrix"]) if comparison["matrix"] else None,
    }
    text = environment.get_template("report.html.j2").render(
        comparison=comparison,
        data=data,
        seeds=_range([group["n"] for group in comparison["groups"]]),
        groups=_groups(comparison, colors, data),
        scores=[_scores(comparison, name, colors) for name in data],
        pairs=_pairs(comparison, data),
        matrix=_matrix(comparison["matrix"], colors, data) if comparison["matrix"] else None,
        excluded=_excluded(comparison["excluded"]),
        varied={key: _chosen(comparison["groups"], key) for key in comparison["varied"]},
        across=_across(comparison.get("across_data")),
        curve_lines=_lines(drawn),
        thinned=any(frame["epoch"].nunique() > POINTS for frame in curves.values()),
        columns=list(dict.fromkeys(name for curve in drawn.values() for name in curve["columns"])),
        commands=commands,
        charts=Markup(_json(charts)),
        plotly=Markup(get_plotlyjs().replace("</script", r"<\/script")),
    )
    write_text(path, text)


_DRAWN = ("label", "data", "mean", "mean_ci95", "median", "median_ci95", "scores", "seeds")


def _picked(group: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: group[key] for key in keys}


def _json(content: Any) -> str:
    r"""JSON that nothing in it can end the script of; what is not finite is null.

    >>> _json({"a": ["</script>", float("nan")]})
    '{"a": ["\\u003c/script\\u003e", null]}'
    """
    text = json.dumps(_finite(content), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _decimals(widths: Iterable[float | None]) -> int | None:
    """How many decimals to show: two digits of the typical width of an interval; None for none known.

    >>> _decimals([2.7, 1.4, None])
    1
    >>> _decimals([0.013])
    3
    """
    known = [width for width in widths if width and math.isfinite(width)]
    if not known:
        return None
    return min(max(1 - math.floor(math.log10(float(np.median(known)))), 0), 8)


def _width(ends: Sequence[float | None] | None) -> float | None:
    low, high = ends or (None, None)
    return None if low is None or high is None else high - low


def _probability(value: float | None) -> str:
    """A p-value as it is shown.

    >>> _probability(0.0213), _probability(2e-6)
    ('0.021', '< 0.001')
    """
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: float | None, decimals: int | None) -> Cell:
    return Cell(shown(value, decimals), [value])


def _interval(ends: Sequence[float | None] | None, decimals: int | None) -> Cell:
    low, high = ends or (None, None)
    if low is None and high is None:
        return Cell(MISSING, [None, None])
    return Cell(f"[{shown(low, decimals)}, {shown(high, decimals)}]", [low, high])


def _text(text: Any, kind: str = "text", swatch: int | None = None) -> Cell:
    return Cell(str(text), [text], kind, swatch)


def _range(numbers: Sequence[int]) -> str:
    """How many, where that may differ.

    >>> _range([20, 20]), _range([5, 20]), _range([])
    ('20', '5 to 20', '0')
    """
    low, high = min(numbers, default=0), max(numbers, default=0)
    return str(low) if low == high else f"{low} to {high}"


def _by_data(rows: Sequence[Mapping[str, Any]], *intervals: str) -> dict[str, int | None]:
    names = dict.fromkeys(row["data"] for row in rows)
    return {
        name: _decimals(_width(row[key]) for row in rows if row["data"] == name for key in intervals)
        for name in names
    }


def _groups(comparison: Mapping[str, Any], colors: Mapping[str, int], data: Sequence[str]) -> Table:
    groups = comparison["groups"]
    several, tuned = len(data) > 1, any(group["tuned"] for group in groups)
    columns = [
        Column("loss", ["loss"], "text"),
        *([Column("data", ["data"], "text")] if several else []),
        Column("seeds", ["seeds"]),
        Column("diverged", ["diverged"]),
        Column("mean", ["mean"]),
        Column("95% interval", ["mean low", "mean high"]),
        Column("median", ["median"]),
        Column("95% interval", ["median low", "median high"]),
        *([Column("tuned", ["tuned"], "text")] if tuned else []),
    ]
    decimals = _by_data(groups, "mean_ci95", "median_ci95")
    rows = []
    for group in groups:
        digits = decimals[group["data"]]
        kind = "label reference" if group["label"] == comparison["reference"] else "label"
        rows.append(
            [
                _text(group["label"], kind, colors[group["label"]]),
                *([_text(group["data"])] if several else []),
                Cell(str(group["n"]), [group["n"]]),
                Cell(
                    str(group["diverged"]),
                    [group["diverged"]],
                    "number bad" if group["diverged"] else "number",
                ),
                _number(group["mean"], digits),
                _interval(group["mean_ci95"], digits),
                _number(group["median"], digits),
                _interval(group["median_ci95"], digits),
                *([_text(_words(group["tuned"]))] if tuned else []),
            ]
        )
    return Table("groups", columns, rows)


def _scores(comparison: Mapping[str, Any], data: str, colors: Mapping[str, int]) -> Table:
    groups = [group for group in comparison["groups"] if group["data"] == data]
    found = [dict(zip(group["seeds"], group["scores"], strict=True)) for group in groups]
    seeds = sorted({seed for scores in found for seed in scores})
    columns = [Column("seed", ["seed"]), *(Column(group["label"], [group["label"]]) for group in groups)]
    rows = [
        [Cell(str(seed), [seed]), *(_number(scores.get(seed), None) for scores in found)] for seed in seeds
    ]
    return Table(f"scores, {data}", columns, rows)


def _pairs(comparison: Mapping[str, Any], data: Sequence[str]) -> Table:
    several = len(data) > 1
    columns = [
        Column("pair", ["a", "b"], "text"),
        *([Column("data", ["data"], "text")] if several else []),
        Column("decision", ["decision"], "text"),
        Column("difference", ["difference"]),
        Column("95% interval", ["difference low", "difference high"]),
        Column("p, Holm", ["p_adjusted"]),
        Column("p", ["p_value"]),
        Column("p, Wilcoxon", ["p_wilcoxon"]),
        Column("first is better", ["probability_a_better"]),
        Column("95% interval", ["probability low", "probability high"]),
        Column("seeds", ["n"]),
        Column("seeds needed", ["seeds_needed"]),
    ]
    decimals = _by_data(comparison["pairs"], "ci95")
    rows = []
    for pair in comparison["pairs"]:
        digits, decision = decimals[pair["data"]], pair["decision"]
        winner = {"a_better": pair["a"], "b_better": pair["b"]}.get(decision)
        said = f"{winner} is better" if winner is not None else _DECISIONS.get(decision, decision)
        rows.append(
            [
                Cell(f"{pair['a']}\n{pair['b']}", [pair["a"], pair["b"]], "label pair"),
                *([_text(pair["data"])] if several else []),
                Cell(said, [decision], "text decided" if winner is not None else "text open"),
                _number(pair["difference"], digits),
                _interval(pair["ci95"], digits),
                *(
                    Cell(_probability(pair[key]), [pair[key]])
                    for key in ("p_adjusted", "p_value", "p_wilcoxon")
                ),
                _number(pair["probability_a_better"], 2),
                _interval(pair["probability_ci95"], 2),
                Cell(str(pair["n"]), [pair["n"]]),
                _number(pair["seeds_needed"], 0),
            ]
        )
    return Table("pairs", columns, rows)


def _matrix(matrix: Mapping[str, Any], colors: Mapping[str, int], data: Sequence[str]) -> Table:
    several, rows = len(data) > 1, []
    columns = [
        Column("trained with", ["trained with"], "text"),
        *([Column("data", ["data"], "text")] if several else []),
        *(Column(metric, [metric]) for metric in matrix["metrics"]),
    ]
    decimals = {
        name: [digits(column) for column in zip(*values_on(matrix, name), strict=True)] for name in data
    }
    for row in matrix["rows"]:
        cells = [
            Cell(shown(value, digits), [value], "number same" if same else "number")
            for value, same, digits in zip(row["values"], row["same"], decimals[row["data"]], strict=True)
        ]
        label = _text(row["label"], "label", colors.get(row["label"]))
        rows.append([label, *([_text(row["data"])] if several else []), *cells])
    return Table("matrix", columns, rows)


def _excluded(excluded: Sequence[Mapping[str, Any]]) -> Table:
    columns = [Column("run", ["folder"], "text"), Column("reason", ["reason"], "text")]
    rows = [[_text(each["folder"], "text code"), _text(each["reason"], "text wide")] for each in excluded]
    return Table("excluded runs", columns, rows)


def _chosen(groups: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    values = [group["config"][key] for group in groups if key in group["config"]]
    return list(
        dict.fromkeys(json.dumps(value) if isinstance(value, dict | list) else str(value) for value in values)
    )


def _words(content: Any) -> str:
    """Whatever JSON holds, in a line.

    >>> _words({"optimizer.lr": 0.01, "runs": 5}), _words([1, 2])
    ('optimizer.lr=0.01, runs=5', '1, 2')
    """
    if isinstance(content, Mapping):
        return ", ".join(
            f"{key}=({_words(value)})" if isinstance(value, Mapping | list) else f"{key}={_words(value)}"
            for key, value in content.items()
        )
    if isinstance(content, list | tuple):
        return ", ".join(_words(each) for each in content)
    if isinstance(content, float):
        return f"{content:.4g}"
    return MISSING if content is None else str(content)


def _across(across: Mapping[str, Any] | None) -> list[Table]:
    """A table for each list of rows, and one for the rest."""
    tables: list[Table] = []
    rest: list[tuple[str, Any]] = []
    for name, content in (across or {}).items():
        if isinstance(content, list) and content and all(isinstance(each, dict) for each in content):
            keys = list(dict.fromkeys(key for each in content for key in each))
            kinds = {key: _kind([each.get(key) for each in content]) for key in keys}
            columns = [Column(_plain(key), [key], kinds[key]) for key in keys]
            rows = [
                [Cell(_words(each.get(key)), [each.get(key)], kinds[key]) for key in keys] for each in content
            ]
            tables.append(Table(_plain(name), columns, rows))
        elif isinstance(content, dict):
            rest.extend((f"{_plain(name)}: {_plain(key)}", value) for key, value in content.items())
        else:
            rest.append((_plain(name), content))
    if rest:
        columns = [Column("", ["name"], "text"), Column("value", ["value"])]
        tables.insert(
            0, Table("over all data", columns, [[_text(key), Cell(_words(v), [v])] for key, v in rest])
        )
    return tables


def _kind(values: Iterable[Any]) -> str:
    return "number" if all(value is None or isinstance(value, int | float) for value in values) else "text"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _lines(drawn: Mapping[str, Mapping[str, Any]]) -> str:
    """The curves as text that pastes into a spreadsheet."""
    lines = ["loss\tcurve\tepoch\tmedian\tlow\thigh"]
    for label, curve in drawn.items():
        for name, parts in curve["columns"].items():
            for row in zip(curve["epoch"], parts["median"], parts["low"], parts["high"], strict=True):
                numbers = ["" if value is None else str(value) for value in row]
                lines.append("\t".join([re.sub(r"\s", " ", label), name, *numbers]))
    return "\n".join(lines)
