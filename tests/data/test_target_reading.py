"""The task of a target: what an expert would say of a column, in whatever unit and order it comes."""

import numpy as np
import pandas as pd
import pytest

from lossbench import tasks
from lossbench.data.target_observations import observations
from lossbench.data.target_reading import read_target
from lossbench.data.target_words import Meaning, meaning_of
from lossbench.errors import UserError

ROWS = 300
RANDOM = np.random.default_rng(0)
PRICES = np.round(RANDOM.lognormal(12, 0.6, ROWS))
AGES = RANDOM.integers(18, 80, ROWS)
SURVIVAL = np.round(RANDOM.exponential(400, ROWS)) + 1
LETTERS = RANDOM.choice(list("abc"), ROWS)


def read(values, name="y", task=None, **others):
    return read_target(pd.DataFrame({name: values, **others}), name, "my.csv", task)


def said(values, name="y", **others):
    frame = pd.DataFrame({name: values, **others})
    return " ".join(observations(read_target(frame, name, "my.csv"), frame))


KINDS = {
    "whole dollars": ("price", PRICES, "positive"),
    "whole dollars without a name": ("y", PRICES, "positive"),
    "evenly spread dollars": ("price", 200_000 + 500 * RANDOM.integers(0, 400, ROWS), "regression"),
    "years": ("born", RANDOM.integers(1950, 1990, ROWS), "regression"),
    "a few years": ("year", RANDOM.integers(2015, 2020, ROWS), "regression"),
    "ages": ("age", AGES, "regression"),
    "grams": ("weight", RANDOM.normal(3000, 400, ROWS).round(), "regression"),
    "survival in days": ("days", SURVIVAL, "positive"),
    "scores": ("score", RANDOM.integers(0, 100, ROWS), "regression"),
    "populations": ("population", PRICES, "positive"),
    "centred numbers": ("y", RANDOM.normal(size=ROWS), "regression"),
    "whole numbers below zero": ("y", RANDOM.integers(-50, 50, ROWS), "regression"),
    "identifiers": ("y", np.arange(ROWS), "regression"),
    "few visits": ("visits", np.arange(ROWS) % 7, "count"),
    "many visits": ("visits", RANDOM.poisson(20, ROWS), "count"),
    "claims by a prefix": ("n_claims", RANDOM.poisson(50, ROWS), "count"),
    "rare events without a name": ("y", RANDOM.poisson(0.7, ROWS), "count"),
    "overdispersed events without a name": ("y", RANDOM.negative_binomial(1, 0.25, ROWS), "count"),
    "stars": ("stars", np.arange(ROWS) % 5 + 1, "regression"),
    "ratings without a name": ("y", RANDOM.binomial(4, 0.6, ROWS) + 1, "regression"),
    "doses": ("y", RANDOM.choice([0.5, 1, 2], ROWS), "regression"),
    "evenly spaced levels": ("y", RANDOM.choice([10, 20, 30], ROWS), "regression"),
    "codes 0 and 1": ("y", np.arange(ROWS) % 2, "binary"),
    "codes 1 and 2": ("visits", np.arange(ROWS) % 2 + 1, "binary"),
    "codes -1 and 1": ("y", np.arange(ROWS) % 2 * 2 - 1, "binary"),
    "true and false": ("y", np.arange(ROWS) % 2 == 0, "binary"),
    "two texts": ("y", np.where(np.arange(ROWS) % 2, "yes", "no"), "binary"),
    "texts": ("y", LETTERS, "multiclass"),
    "codes of classes": ("species", np.arange(ROWS) % 3 + 1, "multiclass"),
    "three codes without a name": ("y", RANDOM.choice([0, 1, 2], ROWS), "multiclass"),
    "digits": ("y", RANDOM.integers(0, 10, ROWS), "multiclass"),
    "codes far apart": ("y", RANDOM.choice([10115, 80331, 20095], ROWS), "multiclass"),
    "shares": ("y", RANDOM.beta(2, 2, ROWS), "regression"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind):
    name, values, task = KINDS[kind]
    assert read(values, name).task.name == task


QUANTITIES = [name for name, (_, _, task) in KINDS.items() if task in ("regression", "positive")]


@pytest.mark.parametrize("unit", [1000, 0.001, 100, 1 / 60, 0.45359237])
@pytest.mark.parametrize("kind", QUANTITIES)
def test_a_quantity_is_one_in_every_unit(kind, unit):
    name, values, task = KINDS[kind]
    assert read(values * unit, name).task.name == task


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_and_copies_of_them_change_nothing(kind):
    name, values, task = KINDS[kind]
    assert read(RANDOM.permutation(values), name).task.name == task
    assert read(np.tile(values, 3), name).task.name == task


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_and_formats_change_nothing(kind):
    name, values, task = KINDS[kind]
    texts = pd.Series(values).astype(str)
    texts[::7] = "NA"
    reading = read(" " + texts + " ", name)
    assert reading.task.name == task
    assert len(reading.target.values) == reading.present.sum() == ROWS - len(range(0, ROWS, 7))
    assert reading.notes == (
        "Cells that read `NA` are empty.",
        "43 of 300 rows have no target and are left out.",
    )


def test_the_reason_and_the_other_tasks_are_said():
    reading = read(np.arange(ROWS) % 7, "visits")
    assert "its name says that things are counted" in reading.reason
    assert reading.others == ("regression", "multiclass")
    assert read(PRICES, "price").others == ("regression", "count")
    assert read(LETTERS).others == ()


def test_it_can_be_overruled_as_far_as_the_values_allow():
    assert read(PRICES, "price", tasks.COUNT).task is tasks.COUNT
    with pytest.raises(UserError, match="are no classes"):
        read(PRICES, "price", tasks.MULTICLASS)


@pytest.mark.parametrize(
    ("values", "name", "others", "words"),
    [
        (RANDOM.beta(2, 2, ROWS), "y", {}, "shares from 0 to 1"),
        (RANDOM.uniform(0, 100, ROWS), "pct_poor", {}, "percentages"),
        (SURVIVAL, "time", {"status": np.arange(ROWS) % 2}, "column status may say which times are censored"),
        (RANDOM.poisson(5, ROWS), "claims", {"exposure": AGES}, "column exposure may be an exposure"),
        (RANDOM.choice(["low", "medium", "high"], ROWS), "y", {}, "labels have an order"),
        (RANDOM.choice(["18-24", "25-39", "40+"], ROWS), "y", {}, "labels have an order"),
        (np.arange(ROWS) % 5 + 1, "stars", {}, "few and ordered"),
        (np.arange(ROWS), "y", {}, "number of the row"),
        (np.r_[AGES, AGES.sum()], "cost", {}, "row of totals"),
        (RANDOM.poisson(5, ROWS), "visits", {}, "times their mean"),
    ],
)
def test_kinds_for_which_no_loss_exists_yet_are_said(values, name, others, words):
    assert words in said(values, name, **others)


def test_what_is_not_there_is_not_said():
    text = said(RANDOM.normal(50, 5, ROWS), "y", status=np.arange(ROWS) % 2, exposure=AGES)
    assert not any(
        word in text for word in ("shares", "censored", "exposure", "order", "totals", "number of the row")
    )
    assert "order" not in said(LETTERS)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("SalePrice", Meaning.QUANTITY),
        ("median_house_value", Meaning.QUANTITY),
        ("løn", Meaning.QUANTITY),
        ("Gehalt", Meaning.QUANTITY),
        ("année", Meaning.YEAR),
        ("yearBuilt", Meaning.YEAR),
        ("NumVisits", Meaning.COUNT),
        ("number_of_rooms", Meaning.COUNT),
        ("# of calls", Meaning.COUNT),
        ("anzahl", Meaning.COUNT),
        ("doctorvisits", Meaning.COUNT),
        ("survival_days", Meaning.DURATION),
        ("Überleben Tage", Meaning.DURATION),
        ("user rating", Meaning.RATING),
        ("cell_type", Meaning.CLASS),
        ("no_show", None),
        ("y", None),
        ("123", None),
    ],
)
def test_names(name, meaning):
    assert meaning_of(name) is meaning


def test_a_text_among_many_numbers_is_a_mistake_and_among_few_values_a_class(csv):
    path = csv("y\n" + "".join(f"{i}.5\n" for i in range(59)) + "oops\n")
    with pytest.raises(UserError, match="line 61, column y: 'oops' is not a usable number"):
        read_target(pd.read_csv(path), "y", path)
    assert read(["1", "2", "x"] * 20).task is tasks.MULTICLASS


def test_identifiers_are_no_classes():
    with pytest.raises(UserError, match="identifier"):
        read([f"u{i}" for i in range(60)])
