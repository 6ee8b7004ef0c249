"""CSV files as people have them: header, separator, blank lines, and where a cell is."""

import numpy as np
import pytest

from lossbench.data.table import table
from lossbench.errors import UserError

GOOD = "a,b,y\n1,2.5,10\n2,3.5,20\n3,1e2,30\n"


def test_a_missing_file_suggests_the_nearest(csv, tmp_path):
    csv(GOOD)
    with pytest.raises(UserError, match=r"no such file.*Did you mean .*my\.csv"):
        table(path=str(tmp_path / "mi.csv"), target="y", task="regression")
    with pytest.raises(UserError, match="a folder"):
        table(path=str(tmp_path), target="y", task="regression")
    with pytest.raises(UserError, match="Did you mean price"):
        table(path=csv("a,price\n1,2\n"), target="prise", task="regression")


def test_a_large_table_is_quick_to_read(csv):
    random = np.random.default_rng(0).normal(size=(20_000, 5))
    content = "a,b,c,d,y\n" + "\n".join(",".join(f"{v:.6f}" for v in row) for row in random)
    got = table(path=csv(content), target="y", task="regression")
    np.testing.assert_allclose(got.features, random[:, :4], atol=1e-6)


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


def test_quoted_names_may_hold_the_separator(csv):
    got = table(path=csv('"size, m","size, kg",y\n1,2,3\n4,5,6\n'), target="y", task="regression")
    assert got.feature_names == ("size, m", "size, kg")
