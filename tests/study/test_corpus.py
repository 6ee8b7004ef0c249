import importlib.util

import numpy as np
import pandas as pd
import pytest
from study import corpus

from lossbench.config.compose import compose_config, plain
from lossbench.data.table import table
from lossbench.tasks import TASKS

ENTRIES = {entry.key: entry for entry in corpus.entries()}


def test_the_corpus_is_large_and_has_both_kinds_of_targets():
    classes = [entry for entry in ENTRIES.values() if TASKS[entry.reading[0]].has_classes]
    assert len(ENTRIES) >= 110
    assert 0.3 < len(classes) / len(ENTRIES) < 0.5


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_states_tasks_of_a_table_and_one_role_per_column(entry):
    assert entry.reading
    assert all(TASKS[task].from_table for task in entry.reading)
    assert entry.kind
    assert entry.source.partition(":")[0] in corpus.READERS
    columns = [entry.target, *entry.exclude, *entry.categorical]
    assert len(columns) == len(set(columns))


def test_two_tables_with_one_key_are_refused(tmp_path, monkeypatch):
    (tmp_path / "tables.yaml").write_text(
        "- {key: a, source: 'p:n', target: y, reading: [count], kind: count}\n" * 2
    )
    monkeypatch.setattr(corpus, "__file__", str(tmp_path / "corpus.py"))
    with pytest.raises(ValueError, match="repeats a"):
        corpus.entries()


def test_unknown_keys_are_refused():
    assert [entry.key for entry in corpus.chosen(["iris"])] == ["iris"]
    with pytest.raises(ValueError, match="no table is called irises"):
        corpus.chosen(["iris", "irises"])


def entry_for(**columns):
    return corpus.Entry("toy", "package:toy", "y", ("regression",), "money", **columns)


def test_rows_without_target_and_empty_columns_are_left_out():
    frame = pd.DataFrame({"x": [1.0, 2.0, np.nan], "empty": np.nan, "y": [0.5, np.nan, 2.5]})
    kept = corpus.prepared(frame, entry_for())
    assert kept.columns.tolist() == ["x", "y"]
    assert kept["y"].tolist() == [0.5, 2.5]
    assert kept["x"].isna().tolist() == [False, True]  # the gap in a feature stays


def test_a_large_table_is_reduced_to_the_same_rows_each_time():
    frame = pd.DataFrame({"x": np.arange(25_000), "y": np.arange(25_000) / 2 + 0.1})
    first, second = (corpus.prepared(frame, entry_for()) for _ in range(2))
    assert len(first) == corpus.MOST_ROWS
    assert first["x"].is_monotonic_increasing
    assert first["x"].tolist() == second["x"].tolist()
    assert np.ptp(first["x"]) > 24_000  # from the whole table, not from its beginning


def test_a_column_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="has no column name"):
        corpus.prepared(pd.DataFrame({"x": [1], "y": [1]}), entry_for(exclude=("name",)))


def test_the_overrides_give_lossbench_the_table(tmp_path, monkeypatch):
    frame = pd.DataFrame(
        {"the id": range(4), "a.b": [1.0, np.nan, 3.0, 5.0], "group": [1, 2, 1, 2], "y": [0.5, 1.5, 2.5, 3.5]}
    )
    entry = entry_for(exclude=("the id",), categorical=("group",))
    monkeypatch.setattr(corpus, "READERS", {"package": lambda name: frame})
    path = corpus.write(entry, tmp_path)
    settings = plain(compose_config("loss=mse", *entry.overrides(path)))["data"]
    assert settings["exclude"] == ["the id"]
    keys = ("path", "target", "exclude", "categorical", "missing")
    dataset = table(task="regression", **{key: settings[key] for key in keys})
    assert dataset.features.shape == (4, 3)  # the number and the two groups
    described = corpus.described(entry, path)
    assert (described["rows"], described["n_features"], described["task"]) == (4, 2, ["regression"])


def test_a_table_is_not_written_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "READERS", {"package": lambda name: pd.DataFrame({"x": [1], "y": [0.5]})})
    path = corpus.write(entry_for(), tmp_path)
    monkeypatch.setattr(corpus, "READERS", {})
    assert corpus.write(entry_for(), tmp_path) == path
    assert [file.name for file in tmp_path.iterdir()] == ["toy.csv"]


@pytest.mark.parametrize(
    ("key", "shape"),
    {
        "iris": (150, 5),
        "economics_grades": (32, 4),
        "boston_houses": (506, 14),
        "hitters": (263, 20),
        "wages_1985": (534, 11),
        "labour_force": (753, 22),
        "car_origin": (406, 9),
        "penguin_mass": (342, 8),
    }.items(),
)
def test_each_package_gives_its_table(key, shape):
    package = ENTRIES[key].source.partition(":")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is in the extra `study`")
    assert corpus.load(ENTRIES[key]).shape == shape
