"""A stranger's CSV: it trains, or the message names cell and hint."""

import pytest
from frames import FRAME

from lossbench.data.table import table
from lossbench.errors import UserError

GOOD = "a,b,y\n1,2.5,10\n2,3.5,20\n3,1e2,30\n"


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


def test_a_table_is_the_same_read_twice(tmp_path):
    path = tmp_path / "my.csv"
    FRAME.to_csv(path, index=False)
    options = {"path": str(path), "target": "y", "task": "regression", "weight": "weight", "group": "group"}
    first = table(**options, exclude=["day"]).fingerprint
    assert first == table(**options, exclude=["day"]).fingerprint
    assert first != table(**options | {"weight": None}, exclude=["day", "weight"]).fingerprint


def test_the_task_itself_is_needed(csv):
    """In a config auto is the task of the loss, which the function does not know."""
    with pytest.raises(ValueError, match="pass the name of a task"):
        table(path=csv(GOOD), target="y")


def test_each_column_may_be_an_output_with_its_own_task(csv):
    got = table(
        path=csv("a,kind,y\n1,u,1.5\n2,v,2.5\n3,u,3.5\n"),
        target=["kind", "y"],
        task={"kind": "binary", "y": "positive"},
    )
    assert [(target.name, target.task.name, target.classes) for target in got.targets] == [
        ("kind", "binary", ("u", "v")),
        ("y", "positive", ()),
    ]
