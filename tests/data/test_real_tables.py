"""Tables as people have them: each trains, or the error names where it is and what to do."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

ROWS = 60
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=ROWS).round(3)
Y = (2 * X + RANDOM.normal(size=ROWS)).round(3)
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(day) for day in range(ROWS)]


def lines(header, *columns, separator=","):
    """A CSV of the columns' cells as they are written."""
    cells = zip(*columns, strict=True)
    return "\n".join([header, *(separator.join(map(str, row)) for row in cells)]) + "\n"


def every(n, one, other):
    """``one`` in each n-th row, ``other(row)`` in the rest."""
    return [one if row % n == n - 1 else other(row) for row in range(ROWS)]


@pytest.fixture
def attempt(train, tmp_path):
    """Trains one epoch on a table: a CSV's text or bytes, a frame or an Arrow table."""

    def run(content, *arguments, target="y"):
        path = tmp_path / ("my.csv" if isinstance(content, str | bytes) else "my.parquet")
        if isinstance(content, str):
            content = content.encode()
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        else:
            parquet.write_table(content, path)
        return train(
            "data=table", f"data.path={path}", f"data.target={target}", "trainer.max_epochs=1", *arguments
        )

    return run


def completed(outcome):
    assert outcome.status == 0, outcome.err
    (result,) = outcome.results
    assert result.status == "completed"
    yardstick = result.metrics[f"test/{result.primary_metric}"]
    assert np.isfinite(yardstick).all()
    return result


def inputs(outcome):
    """How many features the network that was trained reads."""
    from safetensors.numpy import load_file

    (weights,) = outcome.folder.rglob("weights.safetensors")
    return load_file(weights)["features.mean"].shape[-1]


TRAINS = {
    "semicolons, a BOM and accents": (
        ("\ufeff" + lines("größe;y", X, Y, separator=";")).encode(),
        [],
        1,
    ),
    "text categories": (lines("city,a,y", ["Rome", "Oslo", "Bern"] * 20, X, Y), [], 4),
    "blanks around categories": (lines("city,a,y", ["Rome", "Rome ", " Rome"] * 20, X, Y), [], 2),
    "booleans": (lines("member,a,y", ["True", "False"] * 30, X, Y), [], 2),
    "dates left out": (lines("day,a,y", DAYS, X, Y), ["data.exclude=[day]"], 1),
    "dates to split by": (lines("day,a,y", DAYS, X, Y), ["data.time=day"], 1),
    "identifiers left out": (
        lines("id,a,y", [f"u{i}" for i in range(ROWS)], X, Y),
        ["data.exclude=[id]"],
        1,
    ),
    "gaps as the mean": (lines("b,a,y", every(3, "", lambda i: i), X, Y), ["data.missing=mean"], 2),
    "categories with gaps": (
        lines("city,a,y", every(3, "", lambda i: ["Rome", "Oslo"][i % 2]), X, Y),
        ["data.missing=mean"],
        4,
    ),
    "an empty column as the mean": (lines("b,a,y", [""] * ROWS, X, Y), ["data.missing=mean"], 2),
    "five hundred columns": (
        lines(",".join(f"c{i}" for i in range(500)) + ",y", *RANDOM.normal(size=(500, ROWS)), Y),
        [],
        500,
    ),
    "codes named as categories": (
        lines("zip,a,y", [10115, 80331, 20095] * 20, X, Y),
        ["data.categorical=[zip]"],
        4,
    ),
    "pandas's unnamed index in Parquet": (
        pd.DataFrame({"a": X, "y": Y}, index=range(7, 7 + ROWS))[::-1],
        [],
        1,
    ),
    "Parquet's categoricals and nullable integers": (
        pa.table(
            {
                "city": pa.array(["Rome", "Oslo", "Bern"] * 20).dictionary_encode(),
                "age": pa.array([30, None, 50] * 20, pa.int32()),
                "member": pa.array([True, False, None] * 20),
                "y": Y,
            }
        ),
        ["data.missing=mean"],
        5,
    ),
    "Parquet's lists and bytes left out": (
        pa.table({"tags": pa.array([["u", "v"]] * ROWS), "png": pa.array([b"\xff"] * ROWS), "a": X, "y": Y}),
        ["data.exclude=[tags,png]"],
        1,
    ),
    "Parquet's dates to split by": (pa.table({"day": pa.array(DAYS), "a": X, "y": Y}), ["data.time=day"], 1),
}


@pytest.mark.parametrize("name", TRAINS)
def test_it_trains_on(attempt, name):
    content, arguments, features = TRAINS[name]
    outcome = attempt(content, *arguments)
    completed(outcome)
    assert inputs(outcome) == features


REFUSED = {
    "thousands separators": (
        lines("pay,y", [f'"{1000 + i:,}"' for i in range(ROWS)], Y),
        ["line 2, column pay", "'1,000'", "thousands", "1234.5"],
    ),
    "thousands separators in some cells": (
        lines("pay,y", every(5, '"1,234"', lambda i: i), Y),
        ["line 6, column pay", "'1,234'", "1234.5"],
    ),
    "decimal commas": (
        lines("a;y", [f"{i},5" for i in range(ROWS)], Y, separator=";"),
        ["line 2, column a", "'0,5'", "decimal comma", "1234.5"],
    ),
    "percent signs": (
        lines("share,y", [f"{i} %" for i in range(ROWS)], Y),
        ["line 2, column share", "'0 %'", "number alone"],
    ),
    "dates": (lines("day,a,y", DAYS, X, Y), ["line 2, column day", "is a date", "data.exclude"]),
    "dates in words": (
        lines("day,a,y", [f"{day:%d %B %Y}" for day in DAYS], X, Y),
        ["line 2, column day", "is a date", "data.exclude"],
    ),
    "dates, most of them NA": (
        lines("day,a,y", every(3, DAYS[0], lambda i: "NA"), X, Y),
        ["line 4, column day", "is a date", "data.exclude"],
    ),
    "days that may be months": (
        lines("day,a,y", [f"{1 + i % 28:02}/02/2024" for i in range(ROWS)], X, Y),
        ["line 2, column day", "'01/02/2024'", "2026-01-31"],
        "data.time=day",
    ),
    "question marks": (
        lines("a,y", every(9, "?", lambda i: i), Y),
        ["line 10, column a", "'?'", "leave the cell empty", "data.exclude=[a]"],
    ),
    "NA in most cells of numbers": (
        lines("a,y", every(3, 1.5, lambda i: "NA"), Y),
        ["line 2, column a", "'NA'", "leave the cell empty", "data.exclude=[a]"],
    ),
    "gaps": (
        lines("a,b,y", every(9, "", lambda i: i), X, Y),
        ["line 10, column a", "empty", "data.missing=mean"],
    ),
    "an empty column": (lines("a,b,y", [""] * ROWS, X, Y), ["column a", "59 more", "data.exclude=[a]"]),
    "one bad cell": (
        lines("a,y", every(ROWS, "1.2.3", lambda i: i), Y),
        ["line 61, column a", "'1.2.3'", "data.exclude=[a]"],
    ),
    "one bad cell below a line of blanks": (
        lines("a,y", every(ROWS, "x", lambda i: i), Y).replace("\n", "\n  \n", 1),
        ["line 62, column a", "'x'"],
    ),
    "a second header of units": (lines("a,y\nkg,m", X, Y), ["line 2, column a", "'kg'"]),
    "an index column": (
        pd.DataFrame({"a": X, "y": Y}).to_csv(),
        ["column 1 has no name", "to_csv(index=False)"],
    ),
    "identifiers": (
        lines("id,a,y", [f"u{i}" for i in range(ROWS)], X, Y),
        ["column id", "60 different texts", "data.exclude=[id]", "data.categorical"],
    ),
    "duplicated headers": (lines("a,a,y", X, X, Y), ["two columns are called 'a'", "rename one"]),
    "no header": (lines("1.5,2.5", X, Y), ["data.target=y", "no such column", "1.5, 2.5"]),
    "a spreadsheet": (b"PK\x03\x04\x14\x00\x06\x00\xff\xfe", ["not a text file in UTF-8", "save it"]),
    "texts as a number to predict": (
        lines("a,y", X, ["Rome", "Oslo"] * 30),
        ["line 2, column y", "'Rome'", "if these are classes", "loss="],
    ),
    "Parquet's lists": (
        pa.table({"tags": pa.array([["u", "v"]] * ROWS), "a": X, "y": Y}),
        ["column tags", "lists", "data.exclude=[tags]"],
    ),
    "Parquet's bytes": (
        pa.table({"png": pa.array([b"\xff"] * ROWS), "a": X, "y": Y}),
        ["column png", "bytes", "data.exclude=[png]"],
    ),
    "Parquet's timestamps": (
        pa.table({"day": pa.array(DAYS).cast(pa.timestamp("ms")), "a": X, "y": Y}),
        ["column day", "dates", "data.exclude"],
    ),
    "Parquet's gaps": (
        pa.table({"age": pa.array([30, 40, None] * 20), "y": Y}),
        ["row 2, column age", "empty", "data.missing=mean"],
    ),
    "Parquet's duplicated columns": (
        pa.Table.from_arrays([pa.array(X), pa.array(X), pa.array(Y)], names=["a", " a", "y"]),
        ["two columns are called 'a'", "rename one"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_says_what_is_wrong_with(attempt, name):
    content, words, *arguments = REFUSED[name]
    outcome = attempt(content, *arguments)
    assert outcome.status == 1
    assert [word for word in words if word not in outcome.err] == [], outcome.err
    assert "Traceback" not in outcome.err + outcome.out
    assert "traceback.txt" not in outcome.err


RARE = lines("a,kind", X, every(15, "rare", lambda i: "common"))


def test_a_rare_class_is_in_every_part(attempt):
    result = completed(attempt(RARE, "loss=bce", target="kind"))
    assert all(f"{part}/auroc" in result.metrics for part in ("train", "validation", "test"))


RARER = lines("a,kind", X, every(ROWS, "rare", lambda i: "common"))


def test_a_class_too_rare_for_every_part_is_named(attempt):
    outcome = attempt(RARER, "loss=bce", target="kind")
    assert outcome.status == 1
    assert "class 'rare' has 1 row(s)" in outcome.err
    assert "data.stratify=false" in outcome.err


def test_a_class_too_rare_for_every_part_trains_without_strata(attempt):
    result = completed(attempt(RARER, "loss=bce", "data.stratify=false", "metrics=accuracy", target="kind"))
    assert "test/accuracy" in result.metrics


def test_blanks_make_no_class(attempt):
    outcome = attempt(lines("a,kind", X, ["yes", "no", "yes "] * 20), "loss=bce", target="kind")
    completed(outcome)
    (predictions,) = outcome.folder.rglob("predictions.csv")
    assert set(pd.read_csv(predictions)["target"]) == {"yes", "no"}


def test_texts_of_many_kinds_are_refused_before_they_fill_the_memory(attempt):
    rows = 100_000  # of which a column for each user would take 16 GB
    users = pa.array([f"user {i % 20_000}" for i in range(rows)])
    outcome = attempt(pa.table({"user": users, "y": np.arange(rows) % 97.0}))
    assert outcome.status == 1
    assert "column user: 20000 different texts" in outcome.err
    assert "data.exclude=[user]" in outcome.err


def test_a_million_rows_train(attempt):
    rows = 1_000_000
    x = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    content = pa.table({"a": x[:, 0], "b": x[:, 1], "y": x.sum(1)})
    outcome = attempt(content, "data.batch_size=65536", "model.hidden_units=[4]")
    completed(outcome)
    (predictions,) = outcome.folder.rglob("predictions.parquet")
    assert parquet.read_metadata(predictions).num_rows == rows / 5
