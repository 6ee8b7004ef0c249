import pytest
from study.page import page
from study.summary import best_loss, judged, summary

from lossbench.errors import UserError


def loss_of(
    validation, test, *, metric="rmse", higher=False, status="completed", best_epochs=(10, 20), **more
):
    return {
        "status": status,
        "primary": metric,
        "directions": {metric: higher},
        "metrics": {f"validation/{metric}": validation, f"test/{metric}": test, **more},
        "replicates": [{"best_epoch": epoch} for epoch in best_epochs],
    }


def record_of(losses, *, constant, linear, boosting, task="regression", **more):
    return {
        "key": "toy",
        "source": "package:toy",
        "target": "y",
        "kind": "money",
        "expert": [task],
        "rows": 100,
        "features": 3,
        "read_as": task,
        "is_right": True,
        "task": task,
        "seeds": 2,
        "epochs": 100,
        "losses": losses,
        "baselines": {"constant": constant, "linear": linear, "boosting": boosting},
        "verdict": "On toy mse is better than all others.",
        **more,
    }


NUMBERS = record_of(
    {
        "mse": loss_of([2.0, 4.0], [3.0, 5.0], best_epochs=(99, 50)),
        "huber": loss_of([1.0, 3.0], [5.0, 7.0]),
    },
    constant={"rmse": [9.0, 9.0]},
    linear={"rmse": [4.0, 4.0]},
    boosting={"rmse": [5.0, 5.0]},
)


def test_validation_chooses_the_loss_and_the_test_part_judges_it():
    table = judged(NUMBERS)
    assert table.best == "huber"
    assert table.scores["best"]["rmse"] == 6
    assert table.ratio == 1.5  # 6 over the 4 of the linear model
    assert table.beats_constant
    assert table.late == [True, False, False, False]


def test_of_accuracies_the_highest_is_best():
    losses = {
        name: loss_of([accuracy] * 2, [accuracy] * 2, metric="accuracy", higher=True)
        for name, accuracy in {"bce": 0.8, "focal": 0.9, "hinge": 0.7}.items()
    }
    assert best_loss({"losses": losses}) == "focal"


def test_a_loss_that_diverged_on_a_seed_or_lacks_the_metric_is_not_chosen():
    losses = {
        "mse": loss_of([2.0, 2.0], [2.0, 2.0]),
        "diverged": loss_of([1.0, None], [1.0, None]),
        "failed": {"status": "failed", "error": "no"},
        "other": loss_of([0.1, 0.1], [0.1, 0.1], metric="mae"),
    }
    assert best_loss({"losses": losses}) == "mse"
    with pytest.raises(UserError, match="no loss was trained: no"):
        best_loss({"losses": {"failed": losses["failed"]}})


def worse_than_constant(**more):
    return judged(
        record_of(
            {"mse": loss_of([9.0, 9.0], [9.0, 9.0])},
            constant={"rmse": [8.0, 8.0]},
            linear={"rmse": [4.0, 4.0]},
            boosting={"rmse": [5.0, 5.0]},
            **more,
        )
    )


def test_a_table_below_the_constant_is_named():
    table = worse_than_constant()
    assert (table.beats_constant, table.linear_beats_constant, table.hides_the_constant) == (
        False,
        True,
        True,
    )
    lines = list(summary([table, judged(NUMBERS)], []).values())
    assert lines[0] == "2 of 2 (100.0 %)"
    assert lines[1] == lines[2] == "1 (toy)"
    assert lines[3] == "1.875"  # the median of 1.5 and 9 / 4


def test_a_verdict_that_names_the_constant_hides_nothing():
    assert not worse_than_constant(verdict="No loss beats the constant.").hides_the_constant


@pytest.mark.parametrize(
    ("log_loss", "accuracy", "expected"),
    [(0.42, 0.79, True), (0.426, 0.9, False), (0.3, 0.789, False)],
)
def test_classes_are_judged_by_log_loss_and_accuracy(log_loss, accuracy, expected):
    probable = loss_of([0.4, 0.4], [log_loss] * 2, metric="log_loss", **{"test/accuracy": [accuracy] * 2})
    record = record_of(
        {"bce": probable},
        constant={"log_loss": [0.7, 0.7], "accuracy": [0.5, 0.5]},
        linear={"log_loss": [0.4, 0.4], "accuracy": [0.8, 0.8]},  # the limit is 0.4 * 1.05 + 0.005 = 0.425
        boosting={"log_loss": [0.5, 0.5], "accuracy": [0.9, 0.9]},
        task="binary",
    )
    assert judged(record).keeps_up is expected


def test_without_probabilities_classes_have_no_ratio():
    decided = loss_of([0.9, 0.9], [0.9, 0.9], metric="accuracy", higher=True)
    scores = {"log_loss": [0.4, 0.4], "accuracy": [0.8, 0.8]}
    record = record_of({"hinge": decided}, constant=scores, linear=scores, boosting=scores, task="binary")
    table = judged(record)
    assert table.ratio is None
    assert not table.keeps_up
    assert table.beats_constant


def test_of_classes_the_loss_with_the_best_log_loss_is_shown():
    losses = {
        "hinge": loss_of([0.9, 0.9], [0.9, 0.9], metric="average_precision", higher=True),
        "bce": loss_of([0.8, 0.8], [0.8, 0.8], metric="average_precision", higher=True),
    }
    part = {f"{part}/log_loss": [0.3, 0.3] for part in ("validation", "test")}
    losses["bce"]["metrics"] |= part | {"test/accuracy": [0.9, 0.9]}
    losses["bce"]["directions"]["log_loss"] = False
    scores = {"average_precision": [0.1, 0.1], "log_loss": [0.4, 0.4], "accuracy": [0.9, 0.9]}
    table = judged(record_of(losses, constant=scores, linear=scores, boosting=scores, task="binary"))
    assert (table.best, table.scored) == ("hinge", "bce")
    assert table.ratio == pytest.approx(0.75)
    assert table.keeps_up
    assert table.beats_constant


def test_counts_have_a_median_of_their_own():
    count = judged({**NUMBERS, "task": "count", "expert": ["count"]})
    lines = list(summary([count], []).values())
    assert lines[3:5] == ["none", "1.500"]


def test_the_page_has_a_line_for_each_table():
    tables = [judged(NUMBERS), worse_than_constant()]
    longer = [{"usual": 1.0, "longer": 1.01}, {"usual": 1.0, "longer": 1.1}]
    text = page(tables, summary(tables, longer), 2, ["broken"])
    assert text.startswith("# Real tables\n")
    assert "Without scores: broken." in text
    assert "with ten times the budget | 1 of 2 (50.0 %) |" in text
    start = "| toy | package:toy | 100 | 3 | y: money | regression | regression |"
    assert [line for line in text.splitlines() if line.startswith("| toy ")] == [
        f"{start} huber | 6 | 9 | 4 | 5 | 1.500 | 25 % | yes |",
        f"{start} mse | 9 | 8 | 4 | 5 | 2.250 | 0 % | no |",
    ]
    assert "## Classes" not in text
