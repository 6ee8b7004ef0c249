"""The cells of a target: numbers as people write them, labels with blanks, and what stands for nothing."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from lossbench.data.cells import read_cells, read_target_rows
from lossbench.data.number_formats import parse_numbers
from lossbench.errors import UserError

NAN = float("nan")


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1", "2.5", "-3", "+4", ".5", "1e3", "1.5E-2"], [1, 2.5, -3, 4, 0.5, 1000, 0.015]),
        (["$5.00", "$10", "-$2", "$-3.5"], [5, 10, -2, -3.5]),
        (["5 €", "1.200 €", "0,5 €"], [5, 1200, 0.5]),
        (["1,000.50 USD", "20 USD"], [1000.5, 20]),
        (["kr 1 200", "300 kr."], [1200, 300]),
        (["US$ 1,5", "US$ 2,25"], [1.5, 2.25]),
        (["5 %", "7.5%", "0"], [5, 7.5, 0]),
        (["1,234", "5", "1,234,567"], [1234, 5, 1234567]),
        (["1,234", "5.5"], [1234, 5.5]),
        (["1,234", "0,5"], [1.234, 0.5]),
        (["1.234", "0,5", "12.345,6"], [1234, 0.5, 12345.6]),
        (["1.234", "5.678"], [1.234, 5.678]),
        (["1'234.5", "1 234", "1\u00a0234", "1\u202f234", "1\u2019234"], [1234.5, 1234, 1234, 1234, 1234]),
        (["(5.00)", "$(1,200)", "($1,200)", "3"], [-5, NAN, -1200, 3]),
        (["\u22125", "3"], [-5, 3]),
    ],
)
def test_formats_of_numbers(texts, numbers):
    np.testing.assert_array_equal(parse_numbers(texts).values, numbers)


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["$5", "€5", "3"], [NAN, NAN, 3]),  # two currencies
        (["5 %", "0.05"], [NAN, 0.05]),  # shares in two units
        (["0,5", "0.5"], [NAN, 0.5]),  # both a comma and a point as decimal sign
        (
            ["12,34,56", "1,23.4", "1.2.3", "2024-01-31", "01.02.2024", "5 kg", "a1", "", "--5", "5-"],
            [NAN] * 10,
        ),
        (["(5", "5)", "(-5)", "$5€"], [NAN] * 4),
    ],
)
def test_texts_that_are_no_numbers_of_one_unit(texts, numbers):
    np.testing.assert_array_equal(parse_numbers(texts).values, numbers)


def test_each_format_is_said_once_with_an_example():
    assert parse_numbers(["5", "$1,200.50", "$3"]).conversions == (
        "Currencies are removed: `$1,200.50` is read as 1200.5.",
        "Separators of thousands are removed: `$1,200.50` is read as 1200.5.",
    )
    assert parse_numbers(["5", "2.5"]).conversions == ()


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["f", "f ", " f", "m"], ["f", "m"]),
        (["1 ", "1", " 2"], ["1", "2"]),
        ([1, 2, 1], ["1", "2"]),
        ([1.0, 2.0, NAN], ["1", "2"]),
        ([0.5, 1.5], ["0.5", "1.5"]),
        ([True, False], ["False", "True"]),
        ([True, None, False], ["False", "True"]),
        (pd.array([True, None, False], dtype="boolean"), ["False", "True"]),
        (pd.array([1, None, 2], dtype="Int64"), ["1", "2"]),
        (pd.Categorical(["b", "a", None]), ["a", "b"]),
        (pd.Categorical([2, 10, None]), ["2", "10"]),
        (["yes", "no", "NA", "n/a", "NULL", "?", ".", ""], ["no", "yes"]),
        (["NA", "EU", "AS"], ["AS", "EU", "NA"]),  # codes of regions
        (["NA", "Europe", "Asia"], ["Asia", "Europe"]),
        (["none", "mild", "severe", "unknown"], ["mild", "none", "severe", "unknown"]),
        (["+", "-"], ["+", "-"]),
        (["7", "x", "7"], ["7", "x"]),
    ],
)
def test_labels(cells, labels):
    read = read_cells(pd.Series(cells), "my.csv")
    assert read.labels()[1] == tuple(labels)


@pytest.mark.parametrize(
    "word", ["", "NA", "na", "n/a", "#N/A", "?", ".", "-", "NULL", "null", "None", "NaN", "missing"]
)
def test_every_word_for_nothing_is_a_gap_among_numbers(word):
    read = read_cells(pd.Series(["1.5", word, "2", "3"]), "my.csv")
    assert read.present.tolist() == [True, False, True, True]
    assert read.is_numeric
    assert read.conversions == ((f"Cells that read `{word}` are empty.",) if word else ())


def test_decimals_are_numbers():
    read = read_cells(pd.Series([Decimal("5.10"), None, Decimal("-4")]), "my.parquet")
    np.testing.assert_array_equal(read.numbers, [5.1, NAN, -4])
    assert read.is_numeric
    assert read.conversions == ()


@pytest.mark.parametrize(
    "column", [pd.to_datetime(pd.Series(["2024-01-31"])), pd.Series([datetime.timedelta(days=1)])]
)
def test_dates_are_refused(column):
    with pytest.raises(UserError, match=r"data\.target=day: my\.csv holds dates"):
        read_cells(column.rename("day"), "my.csv")


def test_rows_without_all_targets_are_left_out_and_said():
    frame = pd.DataFrame({"y": ["1", "NA", "3", "4"], "z": ["a", "b", "", "a "]})
    rows = read_target_rows(frame, ["y", "z"], "my.csv")
    assert rows.present.tolist() == [True, False, False, True]
    assert rows.numbers.tolist() == [0, 3]
    assert [cells.labels()[1] for cells in rows.cells] == [("1", "4"), ("a",)]
    assert rows.notes[-1] == "2 of 4 rows have no target and are left out."
    with pytest.raises(UserError, match=r"data\.target=y: no row of my\.csv has a target"):
        read_target_rows(pd.DataFrame({"y": ["NA", ""]}), ["y"], "my.csv")


@pytest.mark.parametrize("seed", range(5))
def test_numbers_are_read_back_in_every_format(seed):
    """The oracle is the number that was formatted."""
    random = np.random.default_rng(seed)
    values = np.round(random.lognormal(8, 2, 50) * random.choice([-1, 1], 50), 2)
    english = [f"{value:,.2f}" for value in values]
    german = [text.translate(str.maketrans(",.", ".,")) for text in english]
    accounts = [f"(${abs(value):,.2f})" if value < 0 else f"${value:,.2f}" for value in values]
    for texts in (english, german, accounts, [text.replace(",", " ") for text in english]):
        np.testing.assert_allclose(parse_numbers(texts).values, values)
