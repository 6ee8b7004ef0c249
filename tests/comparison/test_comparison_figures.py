"""The pictures of a comparison: both formats, labels as they stand, missing ends, the same bytes again."""

import made_up
import numpy as np
import pytest

from lossbench.comparison import charts, figures

TWO = made_up.comparison(("diabetes", "california_housing"), tuned=True)
RATES = made_up.comparison(tuple(made_up.RATES))
DRAWN = {
    "intervals": lambda path: figures.intervals(path, TWO),
    "curves": lambda path: figures.curves(path, made_up.curves(), "rmse"),
    "matrix": lambda path: figures.matrix(path, TWO),
    "tuning": lambda path: figures.tuning(path, TWO),
    "ranks": lambda path: figures.ranks(path, TWO),
    "robustness": lambda path: figures.robustness(path, RATES),
    "profiles": lambda path: figures.profiles(path, made_up.profiles()),
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
    figures.profiles(tmp_path / "g.svg", {label: made_up.profiles()["mae"]})
    figures.intervals(tmp_path / "a.svg", comparison)
    figures.matrix(tmp_path / "b.svg", comparison)
    figures.curves(tmp_path / "c.svg", made_up.curves((label, "mae")), "validation/rmse")
    shown = " ".join(label.split())[:40].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for name in "abcdefg":
        assert shown in (tmp_path / f"{name}.svg").read_text()


def test_what_is_missing_is_left_out(tmp_path):
    comparison = made_up.comparison()
    comparison["groups"][0] |= {"mean": None, "mean_ci95": [None, None], "scores": [None] * 20}
    comparison["groups"][1]["mean_ci95"] = [None, 60.0]
    comparison["matrix"]["rows"][0]["values"] = [None] * 4
    for row in comparison["matrix"]["rows"]:
        row["values"][2] = None
    figures.intervals(tmp_path / "a.png", comparison)
    figures.matrix(tmp_path / "b.png", comparison)
    curves = made_up.curves()
    curves["mse"]["validation/rmse"] = np.nan
    curves["mae"] = curves["mae"].iloc[:0]
    figures.curves(tmp_path / "c.png", curves, "rmse")
    figures.curves(tmp_path / "d.png", {}, "rmse")
    assert len(list(tmp_path.iterdir())) == 4


def test_what_there_is_nothing_of_is_not_drawn(tmp_path):
    comparison = made_up.comparison()
    for draw in (figures.robustness, figures.tuning, figures.ranks):
        assert not draw(tmp_path / "a.png", comparison)
    assert not list(tmp_path.iterdir())


def group(label, data_set, block, mean):
    described = {"mean": mean, "mean_ci95": [mean - 1, mean + 1], "diverged": 0}
    return {"label": label, "data_set": data_set, "data": f"{data_set} {block}", "block": block, **described}


def test_robustness_is_drawn_against_the_one_number_that_varies():
    groups = [
        group(label, name, {"data.name": name, "data.outliers": rate}, rate * 10 + place)
        for place, label in enumerate(("mse", "mae"))
        for name in ("a", "b")
        for rate in (0.2, 0, 0.1)
    ]
    one, two = charts.robustness({"groups": groups})
    assert (one["title"], two["title"], one["key"], one["x"]) == ("a", "b", "data.outliers", [0, 0.1, 0.2])
    assert [line["mean"] for line in one["lines"]] == [[0, 1, 2], [1, 2, 3]]
    assert one["lines"][1]["low"] == [0, 1, 2]
    assert not one["log"]  # there is a zero


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
    assert charts.robustness({"groups": groups}) == []


def trial(lr, size, validation, test, label="mse", **chosen):
    means = {"mean": test, "mean_ci95": [None, None], "validation_mean": validation}
    setting = {"optimizer.lr": lr, "data.batch_size": size, "optimizer.name": "adam"}
    place = {"label": label, "data": "d", "setting": setting, "tuned": False, "same": False, **chosen}
    return {**place, **means, "validation_mean_ci95": [None, None], "diverged": chosen.get("diverged", 0)}


def test_a_number_tuned_beside_another_is_drawn_at_the_best_of_it():
    trials = [
        trial(0.1, 32, 5.0, 50.0),
        trial(0.1, 64, 4.0, 40.0, same=True),
        trial(0.001, 32, 3.0, 30.0, tuned=True),
        trial(0.001, 64, 1.0, 10.0, diverged=1),  # the best by what is left of it, and so not the best
    ]
    comparison = {
        "groups": [{"data": "d", "label": "mse"}],
        "tuning": {"trials": trials},
        "higher_is_better": False,
    }
    rates, sizes = charts.tuning(comparison)
    assert (rates["key"], rates["x"], rates["log"], rates["same"]) == (
        "optimizer.lr",
        [0.001, 0.1],
        True,
        0.1,
    )
    (line,) = rates["lines"]
    assert (line["validation"]["mean"], line["test"]["mean"], line["tuned"]) == ([3, 4], [30, 40], 0.001)
    assert (sizes["key"], sizes["x"], sizes["log"], sizes["same"]) == ("data.batch_size", [32, 64], False, 64)
    (line,) = sizes["lines"]
    assert (line["validation"]["mean"], line["tuned"]) == ([3, 4], 32)
    higher = charts.tuning(comparison | {"higher_is_better": True})
    assert higher[0]["lines"][0]["validation"]["mean"] == [3, 5]  # what was tuned stays where it is


def test_a_setting_that_all_but_explodes_leaves_the_others_to_be_seen():
    trials = [trial(0.1, 32, 5.0, 6.0, tuned=True), trial(1.0, 32, 5000.0, 6000.0)]
    comparison = {"groups": [{"data": "d", "label": "mse"}], "tuning": {"trials": trials}}
    (panel,) = charts.tuning(comparison | {"higher_is_better": False})
    assert panel["log_y"]
    assert 0 < panel["reach"][0] < 5 < 6000 < panel["reach"][1]
    trials[1] |= {"validation_mean": 7.0, "mean": 8.0}
    (panel,) = charts.tuning(comparison | {"higher_is_better": False})
    assert not panel["log_y"]
    assert 4 < panel["reach"][0] < 5 < 8 < panel["reach"][1] < 9


def test_another_format_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"a\.gif"):
        figures.matrix(tmp_path / "a.gif", TWO)
