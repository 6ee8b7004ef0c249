"""Tables that people have: the catalogue and training read the same target, and what it prints trains."""

import shlex
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from lossbench.cli import catalogue
from lossbench.commands import override
from lossbench.data.readers import read
from lossbench.data.table import table
from lossbench.data.target_reading import read_target

ROWS = 60
X = np.arange(ROWS)
RANDOM = np.random.default_rng(0)
WAGES = np.round(RANDOM.lognormal(8, 0.8, ROWS), 2)
MONEY = [f"{wage:,.2f}" for wage in WAGES]


def frame(name, values, **features):
    return pd.DataFrame({"x": X, **features, name: values})


# What each table is, its target, its separator, the task, and the words that are said
TABLES = {
    "whole dollars, skewed": (frame("price", WAGES.round() * 10), "price", "positive", ["skewed"]),
    "whole dollars": (frame("price", 200_000 + X * 32_500 // 10), "price", "regression", ["quantity"]),
    "a year": (frame("born", 1950 + X % 40), "born", "regression", ["a year"]),
    "few visits": (frame("visits", X % 7), "visits", "count", ["things are counted"]),
    "NA among numbers": (
        frame("ozone", np.where(X % 6, (10 + X % 20).astype(str), "NA")),
        "ozone",
        "regression",
        ["`NA` are empty", "10 of 60 rows have no target"],
    ),
    "dollar signs": (
        frame("price", [f"${5 * (i % 20 + 1)}.00" for i in X]),
        "price",
        "regression",
        ["`$5.00`"],
    ),
    "thousands": (frame("wage", MONEY), "wage", "positive", ["Separators of thousands"]),
    "decimal commas": (
        frame("wage", [str(wage).replace(".", ",") for wage in WAGES]),
        "wage",
        "positive",
        ["Commas are decimal signs"],
    ),
    "blanks in labels": (frame("sex", ["f ", "f", "m", "f"] * 15), "sex", "binary", ["m is 25.0%"]),
    "decimals": (frame("wage", [Decimal(str(wage)) for wage in WAGES]), "wage", "positive", ["From"]),
    "accents": (frame("løn", X + 200.5).rename(columns={"x": "år"}), "løn", "regression", ["From"]),
    "gaps": (
        frame("salary", np.where(X % 7, 1000 + 10.5 * X, np.nan)),
        "salary",
        "regression",
        ["9 of 60 rows have no target and are left out"],
    ),
    "a row of totals": (frame("wage", [*WAGES[1:], WAGES[1:].sum()]), "wage", "positive", ["row of totals"]),
    "row numbers": (
        frame("species", np.repeat(["a", "b", "c"], 20), rownames=X + 1),
        "species",
        "multiclass",
        ["Left out of the features: rownames"],
    ),
    "identifiers and gaps": (
        frame("y", X * 1.5, b=np.where(X % 9, X, np.nan), **{"Client (ID)": [f"C{i:03}" for i in X]}),
        "y",
        "regression",
        ["Left out of the features: Client (ID)"],
    ),
    "a few rows of a class": (frame("y", (X > 56).astype(int)), "y", "binary", ["1 has only 3 rows"]),
    "true and false": (frame("y", X % 3 == 0), "y", "binary", ["True is 33.3%"]),
}
TABLES["gaps in classes"] = (
    frame("kind", np.where(X % 7, np.where(X % 2, "a", "b"), "")),
    "kind",
    "binary",
    ["9 of 60 rows have no target"],
)
NAMES = [
    "a=b",
    "a,b",
    "true",
    "null",
    "2020",
    'a "b"',
    "it's",
    "a${b}c",
    "[z]",
    "日本",
    "a\\",
    "a: b",
    "~a",
    "{c}",
]


def write(content, folder, separator=","):
    """Write a frame as people do: Decimal and boolean columns as Parquet, all others as CSV."""
    if any(isinstance(cell, Decimal) for cell in content.iloc[0]):
        content.to_parquet(folder / "my.parquet")
        return "my.parquet"
    content.to_csv(folder / "my.csv", index=False, sep=separator)
    return "my.csv"


@pytest.fixture
def advise(monkeypatch, capsys, tmp_path):
    """Runs ``catalogue --for`` in the folder; returns what it printed and the words of its sweep."""

    def run(path, target, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["catalogue.py", "--for", path, "--target", target, *arguments])
        catalogue.main()
        out = capsys.readouterr().out
        return " ".join(out.split()), shlex.split(out.partition("train.py ")[2].replace("\\\n", " "))

    return run


def sweep(words):
    """The same sweep with fewer replicates and epochs."""
    return [word for word in words if word != "replicates=20"] + ["replicates=2", "trainer.max_epochs=2"]


@pytest.mark.parametrize("name", TABLES)
def test_training_has_the_target_that_the_catalogue_describes(tmp_path, monkeypatch, name):
    content, target, task, _ = TABLES[name]
    monkeypatch.chdir(tmp_path)
    path = write(content, tmp_path, ";" if "commas" in name else ",")
    reading = read_target(read(path), target, path)
    assert reading.task.name == task
    trained = table(
        path=path,
        target=target,
        task=task,
        missing="mean",
        exclude=["Client (ID)"] * ("Client" in str(content.columns)),
    )
    np.testing.assert_array_equal(trained.target.values, reading.target.values)
    assert trained.target.classes == reading.target.classes
    assert trained.notes == tuple(f"data.target={target}: {note}" for note in reading.notes)
    kept = np.flatnonzero(reading.present)
    np.testing.assert_array_equal(kept if trained.row_numbers is None else trained.row_numbers, kept)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:No positive samples")  # a part may have no row of a rare class
@pytest.mark.parametrize("name", TABLES)
def test_the_sweep_that_is_printed_trains(advise, train, tmp_path, name):
    content, target, task, words = TABLES[name]
    path = write(content, tmp_path, ";" if "commas" in name else ",")
    out, printed = advise(path, target)
    assert f"read as {task} " in out
    assert [word for word in words if word not in out] == []
    outcome = train(*sweep(printed))
    assert outcome.status == 0, outcome.err
    losses = printed[1].removeprefix("loss=").split(",")
    assert sorted(result.loss for result in outcome.results) == sorted(losses)
    assert {result.status for result in outcome.results} == {"completed"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_whatever_the_names_are(advise, train, tmp_path, name):
    content = pd.DataFrame({"x": X, f"id {name}": [f"u{i}" for i in X], name: X * 1.5 - 20})
    path = f"my {name}.csv"
    content.to_csv(tmp_path / path, index=False)
    _, printed = advise(path, name)
    outcome = train(*sweep(printed))
    assert outcome.status == 0, (printed, outcome.err)
    assert {result.status for result in outcome.results} == {"completed"}


def test_texts_are_quoted_for_hydra():
    assert override("data.exclude", ["id", "a,b", "true", "x"]) == 'data.exclude=[id,"a,b","true",x]'
    assert override("data.target", "a${b}") == r'data.target="a\${b}"'


def test_a_task_can_be_chosen(advise, tmp_path):
    write(frame("price", WAGES.round()), tmp_path)
    out, _ = advise("my.csv", "price")
    assert "add --task regression or count, or set data.task" in out
    out, printed = advise("my.csv", "price", "--task", "count")
    assert "read as count" in out
    assert "data.task=count" in printed
    assert "poisson" in printed[1]
    with pytest.raises(SystemExit, match="The tasks of a column: regression"):
        advise("my.csv", "price", "--task", "mask")


def test_a_table_without_a_feature_that_can_be_used_is_refused(advise, tmp_path):
    write(pd.DataFrame({"id": [f"u{i}" for i in X], "y": X}), tmp_path)
    with pytest.raises(SystemExit, match="no column is left to predict from"):
        advise("my.csv", "y")


def test_the_rows_that_are_left_out_are_in_the_result_and_the_terminal(train, tmp_path):
    content = frame("y", X * 1.5, b=X * 2.0)
    content.loc[[0, 4, 9], "y"] = np.nan
    content.to_csv(tmp_path / "my.csv", index=False)
    outcome = train("loss=mse", "data=table", "data.path=my.csv", "data.target=y", "trainer.max_epochs=1")
    note = "data.target=y: 3 of 60 rows have no target and are left out."
    assert outcome.results[0].notes == [note]
    assert f"note: {note}" in outcome.out
    predictions = outcome.results[0].predictions
    assert not {0, 4, 9} & set(predictions["row"])
    np.testing.assert_allclose(predictions["target"], content["y"][predictions["row"]])


def test_a_feature_is_located_in_the_file_below_rows_that_are_left_out(csv):
    path = csv("a,y\n1,1\n2,\n3,NA\nx,4\n5,5\n")
    with pytest.raises(Exception, match="line 5, column a: 'x'"):
        table(path=path, target="y", task="regression")
