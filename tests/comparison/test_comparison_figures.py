"""The figures of a comparison: both formats, any label, missing ends, the same bytes each time."""

from dataclasses import replace

import made_up
import numpy as np
import pytest

from lossbench.comparison import charts, figures
from lossbench.comparison.model import Summary, Trial, Tuning

TWO = made_up.comparison(("diabetes", "california_housing"), tuned=True)
RATES = made_up.comparison(tuple(made_up.RATES))
DRAWN = {
    "intervals": lambda path: figures.intervals(path, TWO),
    "curves": lambda path: figures.learning_curves(path, made_up.learning_curves(), "rmse"),
    "matrix": lambda path: figures.matrix(path, TWO),
    "tuning": lambda path: figures.tuning(path, TWO),
    "ranks": lambda path: figures.ranks(path, TWO),
    "robustness": lambda path: figures.robustness(path, RATES),
    "profiles": lambda path: figures.loss_curves(path, made_up.loss_curves()),
}


@pytest.mark.parametrize("name", DRAWN)
def test_png_and_svg_are_written_and_come_out_the_same_again(tmp_path, name):
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        path = tmp_path / f"{name}.{kind}"
        DRAWN[name](path)
        first = path.read_bytes()
        assert first.startswith(start)
        DRAWN[name](path)
        assert path.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.png", f"{name}.svg"]
    assert "huber delta=0.5" in (tmp_path / f"{name}.svg").read_text()


@pytest.mark.parametrize("label", ["$x$ & <b> _y_", "_hidden", "a\nb", "l" * 300])
def test_any_label_is_drawn_as_it_stands(tmp_path, label):
    losses = {label: made_up.LOSSES["mse"], "mae": made_up.LOSSES["mae"]}
    comparison = made_up.comparison(tuple(made_up.RATES), losses, tuned=True)
    assert figures.robustness(tmp_path / "d.svg", comparison)
    assert figures.tuning(tmp_path / "e.svg", comparison)
    assert figures.ranks(tmp_path / "f.svg", comparison)
    figures.loss_curves(tmp_path / "g.svg", {label: made_up.loss_curves()["mae"]})
    figures.intervals(tmp_path / "a.svg", comparison)
    figures.matrix(tmp_path / "b.svg", comparison)
    figures.learning_curves(tmp_path / "c.svg", made_up.learning_curves((label, "mae")), "validation/rmse")
    shown = " ".join(label.split())[:40].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for name in "abcdefg":
        assert shown in (tmp_path / f"{name}.svg").read_text()


def test_what_is_missing_is_left_out(tmp_path):
    comparison = made_up.comparison()
    first, second, *others = comparison.groups
    empty = replace(first.summary, mean=None, mean_ci95=(None, None))
    first = replace(first, summary=empty, scores=(float("nan"),) * 20)
    second = replace(second, summary=replace(second.summary, mean_ci95=(None, 60.0)))
    rows = [
        replace(
            row, values=tuple(None if not index or x == 2 else value for x, value in enumerate(row.values))
        )
        for index, row in enumerate(comparison.matrix.rows)
    ]
    matrix = replace(comparison.matrix, rows=tuple(rows))
    comparison = replace(comparison, groups=(first, second, *others), matrix=matrix)
    figures.intervals(tmp_path / "a.png", comparison)
    figures.matrix(tmp_path / "b.png", comparison)
    curves = made_up.learning_curves()
    curves["mse"]["validation/rmse"] = np.nan
    curves["mae"] = curves["mae"].iloc[:0]
    figures.learning_curves(tmp_path / "c.png", curves, "rmse")
    figures.learning_curves(tmp_path / "d.png", {}, "rmse")
    assert len(list(tmp_path.iterdir())) == 4


def test_what_there_is_nothing_of_is_not_drawn(tmp_path):
    comparison = made_up.comparison()
    for draw in (figures.robustness, figures.tuning, figures.ranks):
        assert not draw(tmp_path / "a.png", comparison)
    assert not list(tmp_path.iterdir())


def group(label, data_set, block, mean):
    made = made_up.comparison().groups[0]
    summary = Summary(2, 0, mean, (mean - 1, mean + 1))
    names = {"label": label, "data_set": data_set, "data": f"{data_set} {block}"}
    return replace(made, **names, block=block, summary=summary)


def with_groups(groups):
    return replace(made_up.comparison(), groups=tuple(groups))


def test_robustness_is_drawn_against_the_one_number_that_varies():
    groups = [
        group(label, name, {"data.name": name, "data.outliers": rate}, rate * 10 + index)
        for index, label in enumerate(("mse", "mae"))
        for name in ("a", "b")
        for rate in (0.2, 0, 0.1)
    ]
    first, second = charts.robustness(with_groups(groups))
    assert (first.title, second.title, first.key, first.x) == ("a", "b", "data.outliers", (0, 0.1, 0.2))
    assert [line.test.mean for line in first.lines] == [(0, 1, 2), (1, 2, 3)]
    assert first.lines[1].test.low == (0, 1, 2)
    assert not first.log  # there is a zero


@pytest.mark.parametrize(
    "blocks",
    [
        [{"data.name": "a"}, {"data.name": "b"}],  # no number
        [{"data.stratify": True}, {"data.stratify": False}],  # nor is this one
        [{"data.outliers": 0.1, "data.test": 0.2}, {"data.outliers": 0.2, "data.test": 0.3}],  # two
        [{"data.outliers": 0.1, "data.name": "a"}, {"data.outliers": 0.2, "data.name": "b"}],  # one on each
    ],
)
def test_where_no_one_number_tells_the_blocks_apart_there_is_no_robustness_curve(blocks):
    groups = [group("mse", str(block.get("data.name")), block, 1.0) for block in blocks]
    assert charts.robustness(with_groups(groups)) == []


def trial(lr, size, validation, test, diverged=0, **chosen):
    setting = {"optimizer.lr": lr, "data.batch_size": size, "optimizer.name": "adam"}
    marks = {"tuned": False, "same": False, **chosen}
    return Trial(
        "mse", "d", setting, **marks, summary=Summary(1, diverged, test), **on_validation(validation)
    )


def on_validation(mean):
    return {"validation_mean": mean, "validation_mean_ci95": (None, None)}


def with_trials(*trials, higher_is_better=False):
    groups = (replace(made_up.comparison().groups[0], label="mse", data="d"),)
    tuning = Tuning(("optimizer.lr", "data.batch_size"), len(trials), trials)
    return replace(made_up.comparison(), groups=groups, tuning=tuning, higher_is_better=higher_is_better)


def test_a_number_tuned_beside_another_is_drawn_at_the_best_of_it():
    trials = [
        trial(0.1, 32, 5.0, 50.0),
        trial(0.1, 64, 4.0, 40.0, same=True),
        trial(0.001, 32, 3.0, 30.0, tuned=True),
        trial(0.001, 64, 1.0, 10.0, diverged=1),  # the best mean of the other seeds, but a seed diverged
    ]
    rates, sizes = charts.tuning(with_trials(*trials))
    assert (rates.key, rates.x, rates.log, rates.same) == ("optimizer.lr", (0.001, 0.1), True, 0.1)
    (line,) = rates.lines
    assert (line.validation.mean, line.test.mean, line.tuned) == ((3, 4), (30, 40), 0.001)
    assert (sizes.key, sizes.x, sizes.log, sizes.same) == ("data.batch_size", (32, 64), False, 64)
    (line,) = sizes.lines
    assert (line.validation.mean, line.tuned) == ((3, 4), 32)
    higher = charts.tuning(with_trials(*trials, higher_is_better=True))
    assert higher[0].lines[0].validation.mean == (3, 5)  # the tuned setting stays where it is


def test_a_setting_that_nearly_diverges_leaves_the_others_visible():
    tuned = trial(0.1, 32, 5.0, 6.0, tuned=True)
    (panel,) = charts.tuning(with_trials(tuned, trial(1.0, 32, 5000.0, 6000.0)))
    assert panel.log_y
    assert 0 < panel.reach[0] < 5 < 6000 < panel.reach[1]
    (panel,) = charts.tuning(with_trials(tuned, trial(1.0, 32, 7.0, 8.0)))
    assert not panel.log_y
    assert 4 < panel.reach[0] < 5 < 8 < panel.reach[1] < 9


def test_another_format_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"a\.gif"):
        figures.matrix(tmp_path / "a.gif", TWO)
