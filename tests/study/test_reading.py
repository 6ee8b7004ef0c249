import pandas as pd
import pytest
from study.corpus import Entry
from study.reading import MOST_LOSSES, Plan, Reading, plan, read


def entry_of(*reading):
    return Entry("toy", "package:toy", "y", reading, "kind")


def test_a_reading_is_right_if_the_expert_accepts_it():
    assert Reading("positive").agrees_with(entry_of("regression", "positive"))
    assert not Reading("count").agrees_with(entry_of("regression", "positive"))
    assert not Reading(None, refusal="an identifier").agrees_with(entry_of("binary"))


def test_a_target_is_trained_as_it_is_read_even_if_that_is_wrong():
    reading = Reading("count", ("poisson", "mean_squared_error", "huber"))
    trained = plan(entry_of("regression"), reading)
    assert trained == Plan("count", ("mean_squared_error", "poisson", "huber"), ("data.task=count",))


def test_the_reference_comes_first_and_the_losses_are_few():
    reading = Reading("positive", ("huber", "mae", "msle", "mape", "log_cosh"), ("data.stratify=false",))
    trained = plan(entry_of("positive"), reading)
    assert trained.losses == ("mean_squared_error", "huber", "mae", "msle")
    assert len(trained.losses) == MOST_LOSSES
    assert trained.overrides == ("data.task=positive", "data.stratify=false")


@pytest.mark.parametrize(
    ("expert", "reading"),
    [
        ("count", Reading("multiclass", ("focal",))),
        ("count", Reading(None)),
        ("binary", Reading("regression")),
    ],
)
def test_numbers_taken_for_classes_are_trained_as_the_expert_reads_them(expert, reading):
    trained = plan(entry_of(expert), reading)
    assert trained.task == expert
    assert len(trained.losses) == 1


def test_a_rating_may_be_trained_as_classes_or_as_numbers():
    expert = entry_of("multiclass", "regression")
    assert plan(expert, Reading("regression", ("huber",))).task == "regression"
    assert plan(expert, Reading("multiclass", ())).task == "multiclass"


def test_the_reader_of_the_catalogue_is_asked(tmp_path):
    path = tmp_path / "toy.csv"
    pd.DataFrame({"x": range(40), "y": ["a", "b"] * 20}).to_csv(path, index=False)
    reading = read(entry_of("binary"), path)
    assert reading.task == "binary"
    assert "binary_crossentropy" in reading.losses
    path.write_text("x,y\n1,a\n2,a\n")
    assert read(entry_of("binary"), path).refusal
