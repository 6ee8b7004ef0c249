"""The pictures of a comparison: both formats, labels as they stand, missing ends, the same bytes again."""

import made_up
import numpy as np
import pytest

from lossbench.comparison import figures

TWO = made_up.comparison(("diabetes", "california_housing"))
DRAWN = {
    "intervals": lambda path: figures.intervals(path, TWO),
    "curves": lambda path: figures.curves(path, made_up.curves(), "rmse"),
    "matrix": lambda path: figures.matrix(path, TWO),
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
    comparison = made_up.comparison(losses={label: made_up.LOSSES["mse"], "mae": made_up.LOSSES["mae"]})
    figures.intervals(tmp_path / "a.svg", comparison)
    figures.matrix(tmp_path / "b.svg", comparison)
    figures.curves(tmp_path / "c.svg", made_up.curves((label, "mae")), "validation/rmse")
    shown = " ".join(label.split())[:40].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for name in "abc":
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


def test_another_format_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"a\.gif"):
        figures.matrix(tmp_path / "a.gif", TWO)
