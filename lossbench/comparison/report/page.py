"""The comparison as one HTML file that works offline: verdict, tables, charts and commands.

This module imports no torch.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from lossbench.comparison import charts
from lossbench.comparison.curves import LOSS_CURVE_PARTS, POINTS, LearningCurve, LossCurve, summed_up
from lossbench.comparison.model import Comparison
from lossbench.comparison.report import tables
from lossbench.records.files import write_text

_FOLDER = Path(__file__).parent


def write_page(
    path: Path,
    comparison: Comparison,
    learning_curves: Mapping[str, pd.DataFrame],
    loss_curves: Mapping[str, LossCurve],
    commands: Sequence[str],
) -> None:
    """Write the comparison as one page that works offline.

    Args:
        path: the HTML file.
        comparison: what is reported.
        learning_curves: by label, columns ``seed``, ``epoch``, ``train/loss``, ``validation/loss`` and
            ``validation/<primary metric>``.
        loss_curves: by label.
        commands: the commands that reproduce the comparison.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    learned = {label: summed_up(frame) for label, frame in learning_curves.items() if len(frame)}
    labels = dict.fromkeys([*comparison.labels, *learned, *loss_curves])
    colors = {label: index for index, label in enumerate(labels)}
    drawn = _drawn(comparison, learned, loss_curves, colors)
    text = environment.get_template("report.html.j2").render(
        comparison=comparison,
        **_tables(comparison, colors),
        charts=drawn,
        loss_axes=list(dict.fromkeys(curve.axis for curve in loss_curves.values())),
        loss_curve_parts=LOSS_CURVE_PARTS,
        curve_lines=_lines(learned),
        curve_columns=list(dict.fromkeys(name for curve in learned.values() for name in curve.columns)),
        points=POINTS,
        thinned=any(frame["epoch"].nunique() > POINTS for frame in learning_curves.values()),
        commands=commands,
        # Everything in the template is escaped except for these four
        style=Markup((_FOLDER / "report.css").read_text("utf-8")),
        script=Markup((_FOLDER / "report.js").read_text("utf-8")),
        plotly=Markup(get_plotlyjs().replace("</script", r"<\/script")),
        content=Markup(_json(drawn)),
    )
    write_text(path, text)


def _tables(comparison: Comparison, colors: tables.Colors) -> dict[str, Any]:
    """Return the tables by their names in the template."""
    tuning, across = comparison.tuning, comparison.across_data
    return {
        "groups": tables.groups(comparison, colors),
        "scores": [tables.scores(comparison, data) for data in comparison.blocks],
        "pairs": tables.pairs(comparison),
        "matrix": tables.matrix(comparison, colors) if comparison.matrix.metrics else None,
        "excluded": tables.excluded(comparison.excluded),
        "varied": tables.varied(comparison),
        "across": tables.across(comparison, across) if across else [],
        "tuned": tables.tuned(comparison, tuning, colors) if tuning else None,
        "shared_pairs": tables.shared_pairs(comparison) if tuning else None,
        "trials": tables.trials(comparison, tuning, colors) if tuning else None,
        "seeds": _range([group.summary.n for group in comparison.groups]),
    }


def _drawn(
    comparison: Comparison,
    learned: Mapping[str, LearningCurve],
    loss_curves: Mapping[str, LossCurve],
    colors: tables.Colors,
) -> dict[str, Any]:
    """Return what the page's script draws."""
    across = comparison.across_data
    return {
        "metric": comparison.metric,
        "metricName": comparison.metric_name,
        "colors": colors,
        "groups": [
            {
                "label": group.label,
                "data": group.data,
                "seeds": group.seeds,
                "scores": group.scores,
                **asdict(group.summary),
            }
            for group in comparison.groups
        ],
        "references": [asdict(reference) for reference in charts.references(comparison)],
        "metrics": comparison.matrix.metrics,
        "matrix": [asdict(row) for row in charts.shaded(comparison.matrix)],
        "robustness": [asdict(panel) for panel in charts.robustness(comparison)],
        "tuning": [asdict(panel) for panel in charts.tuning(comparison)],
        "ranking": asdict(charts.ranking(across)) if across else None,
        "learningCurves": [{"label": label, **asdict(curve)} for label, curve in learned.items()],
        "lossCurves": [{"label": label, **asdict(curve)} for label, curve in loss_curves.items()],
    }


def _json(content: Any) -> str:
    r"""Return JSON that cannot end the script element it stands in; what is not finite is null.

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


def _range(numbers: Sequence[int]) -> str:
    """Return the number, or the smallest and largest if they differ.

    >>> _range([20, 20]), _range([5, 20]), _range([])
    ('20', '5 to 20', '0')
    """
    low, high = min(numbers, default=0), max(numbers, default=0)
    return str(low) if low == high else f"{low} to {high}"


def _lines(learned: Mapping[str, LearningCurve]) -> str:
    """Return the learning curves as text that can be pasted into a spreadsheet."""
    lines = ["loss\tcurve\tepoch\tmedian\tlow\thigh"]
    for label, curve in learned.items():
        for name, band in curve.columns.items():
            for row in zip(curve.epoch, band.median, band.low, band.high, strict=True):
                numbers = ["" if value is None else str(value) for value in row]
                lines.append("\t".join([re.sub(r"\s", " ", label), name, *numbers]))
    return "\n".join(lines)
