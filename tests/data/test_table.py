"""A stranger's CSV: it trains, or the message names cell and hint."""

import numpy as np
import pytest

from lossbench.data.table import table
from lossbench.errors import UserError

GOOD = "a,b,y\n1,2.5,10\n2,3.5,20\n3,1e2,30\n"


@pytest.fixture
def csv(tmp_path):
    def write(content, encoding="utf-8"):
        path = tmp_path / "my.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip(),
        '"a","b","y"\n' + GOOD.split("\n", 1)[1],
        " a , b , y \n" + GOOD.split("\n", 1)[1],
    ],
    ids=["comma", "semicolon", "tab", "bom", "crlf", "no last newline", "quotes", "spaces"],
)
def test_it_is_read_as_it_is(csv, content):
    got = table(path=csv(content), target="y", task="regression")
    assert got.features.tolist() == [[1, 2.5], [2, 3.5], [3, 100]]
    assert got.target.values.tolist() == [[10], [20], [30]]
    assert (got.feature_names, got.target.columns) == (("a", "b"), ("y",))


def test_the_target_may_stand_anywhere_and_be_text(csv):
    got = table(path=csv("kind,a\nred,1\nblue,2\nred,3\n"), target="kind", task="binary")
    assert got.target.classes == ("blue", "red")
    assert got.target.values.tolist() == [1, 0, 1]


def test_quoted_names_may_hold_the_separator(csv):
    got = table(path=csv('"size, m","size, kg",y\n1,2,3\n4,5,6\n'), target="y", task="regression")
    assert got.feature_names == ("size, m", "size, kg")


def test_booleans_are_numbers(csv):
    got = table(path=csv("a,y\ntrue,1\nfalse,2\ntrue,3\n"), target="y", task="regression")
    assert got.features.ravel().tolist() == [1, 0, 1]


def test_the_fingerprint_is_of_the_content(csv):
    first = table(path=csv(GOOD), target="y", task="regression").fingerprint
    assert first == table(path=csv(GOOD), target="y", task="regression").fingerprint
    assert first != table(path=csv(GOOD.replace("2.5", "2.6")), target="y", task="regression").fingerprint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b,y\n1,1,2\n1,2,2\n1,x,2\n", ["line 4", "column b", "'x'"]),
        ("a,b,y\n1,1,2\n1,,3\n", ["line 3", "column b", "empty"]),
        ("a,b,y\n1,1,2\n\n1,x,3\n", ["line 4", "column b"]),
        ("a,b,y\n1,inf,2\n", ["line 2", "column b", "usable number"]),
        ('a,b,y\n1,"1,234",2\n', ["line 2", "column b", "1,234"]),
        ("a;b;y\n1;2,5;3\n", ["line 2", "column b", "2,5"]),
        ("a,b,y\n1,2,x\n", ["line 2", "column y", "'x'"]),
        ("a,b,y\n", ["without rows"]),
        ("", ["not a table"]),
        ("a,b,z\n1,2,3\n", ["no such column", "a, b, z"]),
        ("a,a,y\n1,2,3\n", ["two columns are called 'a'"]),
        ("y\n1\n2\n", ["features"]),
        ("a,y\n1,2\n2,2\n", ["every row holds 2"]),
        ("a,y\n1,2,3\n1,2,3\n", ["header"]),
        ("a,y\n1,2\n1,2,3\n", ["not a table"]),
        ("a,ý\n1,2\n".encode("latin-1"), ["UTF-8"]),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ["UTF-8"]),
    ],
)
def test_what_is_wrong_is_named(csv, content, words):
    with pytest.raises(UserError) as caught:
        table(path=csv(content), target="y", task="regression")
    assert all(word in str(caught.value) for word in words)


def test_a_missing_file_suggests_the_nearest(csv, tmp_path):
    csv(GOOD)
    with pytest.raises(UserError, match=r"no such file.*Did you mean .*my\.csv"):
        table(path=str(tmp_path / "mi.csv"), target="y", task="regression")
    with pytest.raises(UserError, match="a folder"):
        table(path=str(tmp_path), target="y", task="regression")
    with pytest.raises(UserError, match="Did you mean price"):
        table(path=csv("a,price\n1,2\n"), target="prise", task="regression")


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        ([0, 1, 2], "binary", "no classes"),
        ([1, 1, 1], "binary", "nothing to predict"),
        ([1.5, 2.5, 3.5], "multiclass", "no classes"),
        ([1, 1, 1], "multiclass", "nothing to predict"),
        ([0, 1, 2] * 3, "binary", "a binary target has 2"),
    ],
)
def test_targets_that_are_no_classes(csv, values, task, words):
    content = "a,y\n" + "".join(f"{i},{y}\n" for i, y in enumerate(values))
    with pytest.raises(UserError, match=words):
        table(path=csv(content), target="y", task=task)


def test_a_large_table_is_quick_to_read(csv):
    random = np.random.default_rng(0).normal(size=(20_000, 5))
    content = "a,b,c,d,y\n" + "\n".join(",".join(f"{v:.6f}" for v in row) for row in random)
    got = table(path=csv(content), target="y", task="regression")
    np.testing.assert_allclose(got.features, random[:, :4], atol=1e-6)


def test_a_late_text_makes_the_whole_column_text(csv):
    labels = ["7"] * 150_000 + ["x"] * 50_000
    got = table(path=csv("a,y\n" + "".join(f"1,{label}\n" for label in labels)), target="y", task="binary")
    assert got.target.classes == ("7", "x")


def test_na_may_be_a_class_and_blank_lines_are_nothing(csv):
    content = "\na,region\n1,NA\n\n2,EU\n3,NA\n4,EU\n\n\n"
    got = table(path=csv(content), target="region", task="binary")
    assert got.target.classes == ("EU", "NA")
    assert got.features.ravel().tolist() == [1, 2, 3, 4]
    with pytest.raises(UserError, match="line 5, column a: 'x'"):
        table(path=csv(content.replace("2,EU", "x,EU")), target="region", task="binary")


@pytest.mark.parametrize("content", [",a,y\n0,1,2\n1,2,3\n", "a,y,\n1,2,\n2,3,\n"])
def test_a_column_without_a_name_is_refused(csv, content):
    with pytest.raises(UserError, match="has no name"):
        table(path=csv(content), target="y", task="regression")


def test_blank_lines_change_neither_types_nor_fingerprint(csv):
    plain = table(path=csv("a,y\n1,0\n2,1\n3,0\n4,1\n"), target="y", task="binary")
    for content in ("a,y\n1,0\n2,1\n3,0\n4,1\n\n", "\na,y\n1,0\n\n2,1\n3,0\n4,1"):
        spaced = table(path=csv(content), target="y", task="binary")
        assert (
            (spaced.target.classes, spaced.fingerprint)
            == (plain.target.classes, plain.fingerprint)
            == (("0", "1"), plain.fingerprint)
        )


def test_the_line_is_right_after_a_cell_of_two_lines(csv):
    with pytest.raises(UserError, match="line 5, column a: 'x'"):
        table(path=csv('a,"y\nkind"\n1,"re\nd"\nx,blue\n'), target="y\nkind", task="binary")


@pytest.mark.parametrize("header", ['"size, m2";"price, EUR";y', '"size, m2"; "price, EUR"; "y"'])
def test_the_separator_is_counted_outside_quotes(csv, header):
    got = table(path=csv(f"{header}\n1;2;3\n4;5;6\n"), target="y", task="regression")
    assert got.feature_names == ("size, m2", "price, EUR")
