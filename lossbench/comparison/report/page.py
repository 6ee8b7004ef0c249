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

from lossbench.comparison.charts import (
    MISSING,
    POINTS,
    PROFILE_PARTS,
    digits,
    ranking,
    robustness,
    shaded,
    shown,
    summary,
    tuning,
    values_on,
)
from lossbench.records.files import write_text

_DECISIONS = {name: name.replace("_", " ") for name in ("undecided", "too_few_seeds", "too_few_data_sets")}


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
    path: Path,
    comparison: dict[str, Any],
    curves: dict[str, pd.DataFrame],
    profiles: dict[str, dict[str, Any]],
    commands: list[str],
) -> None:
    """Write the comparison as one offline page.

    Args:
        path: the HTML file.
        comparison: as in ``comparison.json``; of ``matrix``, ``higher_is_better`` (one for each of its
            metrics) may be given too, and makes the heat map run from worst to best.
        curves: by label, columns ``seed``, ``epoch``, ``train/loss``, ``validation/loss`` and
            ``validation/<yardstick>``.
        profiles: by label, as :func:`lossbench.losses.curves.loss_curve` gives them.
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
    labels = list(dict.fromkeys([*(group["label"] for group in comparison["groups"]), *drawn, *profiles]))
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
        "robustness": robustness(comparison),
        "tuning": tuning(comparison),
        "ranking": ranking(comparison["across_data"]) if comparison["across_data"] else None,
        "profiles": [{"label": label, "color": colors[label], **one} for label, one in profiles.items()],
        "colors": colors,
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
        across=_across(comparison["across_data"]) if comparison["across_data"] else [],
        tuned=_tuned(comparison, colors, data) if comparison["tuning"] else None,
        same_pairs=_same_pairs(comparison, data) if comparison["tuning"] else None,
        trials=_trials(comparison, colors, data) if comparison["tuning"] else None,
        profile_axes=list(dict.fromkeys(one["axis"] for one in profiles.values())),
        profile_parts=PROFILE_PARTS,
        curve_lines=_lines(drawn),
        thinned=any(frame["epoch"].nunique() > POINTS for frame in curves.values()),
        columns=list(dict.fromkeys(name for curve in drawn.values() for name in curve["columns"])),
        commands=commands,
        charts=charts,
        content=Markup(_json(charts)),
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
                *_mean(group, "mean", digits),
                *_mean(group, "median", digits),
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
        digits = decimals[pair["data"]]
        rows.append(
            [
                _pair(pair),
                *([_text(pair["data"])] if several else []),
                _decision(pair, pair["decision"]),
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


def _tuned(comparison: Mapping[str, Any], colors: Mapping[str, int], data: Sequence[str]) -> Table:
    """Each loss at its own best setting, and beside it at the one that all share."""
    several, keys = len(data) > 1, comparison["tuning"]["keys"]
    columns = [Column("loss", ["loss"], "text"), *([Column("data", ["data"], "text")] if several else [])]
    for kind in ("tuned", "same"):
        columns += [
            *(Column(f"{kind}: {key}", [f"{kind} {key}"]) for key in keys),
            Column("mean", [f"{kind} mean"]),
            Column("95% interval", [f"{kind} mean low", f"{kind} mean high"]),
        ]
    decimals = _by_data(comparison["groups"], "mean_ci95")
    rows = []
    for group in comparison["groups"]:
        row = [_text(group["label"], "label", colors[group["label"]])]
        row += [_text(group["data"])] if several else []
        for setting, scores in ((group["tuned"], group), (group["same"], group["same"])):
            row += [_setting(setting.get(key)) for key in keys]
            row += _mean(scores, "mean", decimals[group["data"]])
        rows.append([*row, Cell(str(group["tuned"]["runs"]), [group["tuned"]["runs"]])])
    return Table("tuned and same", [*columns, Column("runs", ["runs"])], rows)


def _same_pairs(comparison: Mapping[str, Any], data: Sequence[str]) -> Table:
    """The pairs again, at the one setting that all losses share."""
    several = len(data) > 1
    columns = [
        Column("pair", ["a", "b"], "text"),
        *([Column("data", ["data"], "text")] if several else []),
        Column("decision", ["decision"], "text"),
        Column("difference", ["difference"]),
        Column("95% interval", ["difference low", "difference high"]),
        Column("p, Holm", ["p_adjusted"]),
    ]
    pairs = [(pair, {**pair["same"], "data": pair["data"]}) for pair in comparison["pairs"]]
    decimals = _by_data([same for _, same in pairs], "ci95")
    rows = [
        [
            _pair(pair),
            *([_text(pair["data"])] if several else []),
            _decision(pair, same["decision"]),
            _number(same["difference"], decimals[pair["data"]]),
            _interval(same["ci95"], decimals[pair["data"]]),
            Cell(_probability(same["p_adjusted"]), [same["p_adjusted"]]),
        ]
        for pair, same in pairs
    ]
    return Table("pairs at the same setting", columns, rows)


def _trials(comparison: Mapping[str, Any], colors: Mapping[str, int], data: Sequence[str]) -> Table:
    """Each loss at every setting that was tried."""
    several, keys, trials = len(data) > 1, comparison["tuning"]["keys"], comparison["tuning"]["trials"]
    columns = [
        Column("loss", ["loss"], "text"),
        *([Column("data", ["data"], "text")] if several else []),
        *(Column(key, [key]) for key in keys),
        Column("on validation", ["validation mean"]),
        Column("95% interval", ["validation low", "validation high"]),
        Column("on test", ["test mean"]),
        Column("95% interval", ["test low", "test high"]),
        Column("diverged", ["diverged"]),
        Column("chosen", ["chosen"], "text"),
    ]
    decimals = _by_data(trials, "mean_ci95")
    rows = [
        [
            _text(one["label"], "label", colors[one["label"]]),
            *([_text(one["data"])] if several else []),
            *(_setting(one["setting"].get(key)) for key in keys),
            *_mean(one, "validation_mean", decimals[one["data"]]),
            *_mean(one, "mean", decimals[one["data"]]),
            Cell(str(one["diverged"]), [one["diverged"]]),
            _text(", ".join(kind for kind in ("tuned", "same") if one[kind])),
        ]
        for one in trials
    ]
    return Table("every setting", columns, rows)


def _mean(scores: Mapping[str, Any], name: str, decimals: int | None) -> list[Cell]:
    return [_number(scores[name], decimals), _interval(scores[f"{name}_ci95"], decimals)]


def _setting(value: Any) -> Cell:
    return Cell(MISSING if value is None else str(value), [value])


def _pair(pair: Mapping[str, Any]) -> Cell:
    return Cell(f"{pair['a']}\n{pair['b']}", [pair["a"], pair["b"]], "label pair")


def _decision(pair: Mapping[str, Any], decision: str) -> Cell:
    winner = {"a_better": pair["a"], "b_better": pair["b"]}.get(decision)
    said = f"{winner} is better" if winner is not None else _DECISIONS.get(decision, decision)
    return Cell(said, [decision], "text decided" if winner is not None else "text open")


def _across(across: Mapping[str, Any]) -> list[Table]:
    """Friedman's test, the mean ranks and the pairs."""
    numbers = [("data sets", across["n"]), ("statistic", across["statistic"]), ("p", across["p_value"])]
    columns = [Column(name, [name]) for name, _ in numbers]
    tables = [Table("Friedman's test", columns, [[Cell(_words(value), [value]) for _, value in numbers]])]
    columns = [Column("loss", ["loss"], "text"), Column("mean rank, 1 is best", ["mean rank"])]
    ranks = sorted(across["mean_ranks"].items(), key=lambda item: item[1])
    tables.append(Table("Mean ranks", columns, [[_text(label), _number(rank, 2)] for label, rank in ranks]))
    columns = [
        Column("pair", ["a", "b"], "text"),
        Column("decision", ["decision"], "text"),
        Column("median difference", ["median difference"]),
        Column("p, Holm", ["p_adjusted"]),
        Column("p, Wilcoxon", ["p_value"]),
    ]
    rows = [
        [
            _pair(pair),
            _decision(pair, pair["decision"]),
            _number(pair["median_difference"], None),
            *(Cell(_probability(pair[key]), [pair[key]]) for key in ("p_adjusted", "p_value")),
        ]
        for pair in across["pairs"]
    ]
    return [*tables, Table("Pairs over the data sets", columns, rows)]


def _lines(drawn: Mapping[str, Mapping[str, Any]]) -> str:
    """The curves as text that pastes into a spreadsheet."""
    lines = ["loss\tcurve\tepoch\tmedian\tlow\thigh"]
    for label, curve in drawn.items():
        for name, parts in curve["columns"].items():
            for row in zip(curve["epoch"], parts["median"], parts["low"], parts["high"], strict=True):
                numbers = ["" if value is None else str(value) for value in row]
                lines.append("\t".join([re.sub(r"\s", " ", label), name, *numbers]))
    return "\n".join(lines)
