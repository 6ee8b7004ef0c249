"""Read a table from a CSV or Parquet file, and locate one of its cells in the file."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lossbench.errors import UserError, did_you_mean

_SEPARATORS = ",;\t|"


def read(path: str, exclude: Sequence[str] = ()) -> pd.DataFrame:
    """Read the table in a file.

    Args:
        path: the path of the file, relative to the working directory.
        exclude: columns that may hold anything, because they are not used.

    Raises:
        UserError: there is no such file, or it holds no table; the message says what to do.
    """
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            raise UserError(f"data.path={path}: a folder; name the file in it")
        if not file.is_file():
            raise UserError(_no_such_file(path, file))
        frame = _read_parquet(file, path, exclude) if _is_parquet(file) else _read_csv(file, path)
    except OSError as error:
        raise UserError(f"data.path={path}: cannot be read: {error.strerror or error}") from error
    frame.columns = frame.columns.astype(str).str.strip()
    if frame.empty:
        raise UserError(f"data.path={path}: a header without rows")
    return frame


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(4) == b"PAR1"


def _read_parquet(file: Path, path: str, exclude: Sequence[str]) -> pd.DataFrame:
    import pyarrow
    from pyarrow import parquet

    try:
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # it returns freed memory to the system
        with parquet.ParquetFile(file, pre_buffer=False) as content:
            schema = content.schema_arrow
            _check_header(schema.names, path)
            for field in schema:
                _check_type(field.name, field.type, field.name.strip() in exclude, path)
            # pandas writes the index of a frame that was filtered or sorted; it is not a feature
            index = [name for name in schema.names if re.fullmatch(r"__index_level_\d+__", name)]
            columns = content.read().drop_columns(index)
    except pyarrow.ArrowException as error:
        raise UserError(f"data.path={path}: not a whole Parquet file: {error}") from error
    # Each column in a block of its own, so that it can be freed alone
    frame: pd.DataFrame = columns.to_pandas(split_blocks=True, self_destruct=True, ignore_metadata=True)
    return frame


def _check_type(name: str, kind: Any, excluded: bool, path: str) -> None:
    from pyarrow import types

    if excluded:
        return
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    if binary or types.is_nested(kind):
        holds = "bytes" if binary else "lists or records"
        raise UserError(f"{path}, column {name}: holds {holds}; leave it out by data.exclude=[{name}]")


def _read_csv(file: Path, path: str) -> pd.DataFrame:
    try:
        header, separator = _header(file)
        _check_header(header, path)
        frame = pd.read_csv(
            file,
            sep=separator,
            encoding="utf-8-sig",
            skipinitialspace=True,
            keep_default_na=False,  # "NA" may be a class
            na_values=[""],
            low_memory=False,  # a column's type follows from all its cells
        )
    except UnicodeDecodeError as error:
        raise UserError(f"data.path={path}: not a text file in UTF-8; save it as a UTF-8 CSV") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        reason = str(error).strip().rpartition("C error: ")[2]
        raise UserError(f"data.path={path}: not a table: {reason}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise UserError(f"{path}: the rows have more cells than the header has names; correct the header")
    return frame


def _header(file: Path) -> tuple[list[str], str]:
    """Return the column names and the separator, which is the most frequent one outside quotes in line 1."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        first = next((line for line in lines if line.strip()), "")
    unquoted = re.sub('"[^"]*"', "", first)
    separator = max(_SEPARATORS, key=unquoted.count)
    return next(csv.reader([first], delimiter=separator, skipinitialspace=True), [""]), separator


def where(path: str, row: int, column: Any) -> str:
    """Return file, line and column of a cell; the line is where its row ends, and blank lines count.

    Args:
        path: the path of the file.
        row: the position of the cell in the column, whose index has the row of the table.
        column: the column of the table, or those of its rows that are used.
    """
    file, row = Path(path).expanduser(), int(column.index[row])
    if _is_parquet(file):
        return f"{path}, row {row}, column {column.name}"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        records = csv.reader(lines, delimiter=_header(file)[1], skipinitialspace=True)
        # A line of blanks is no row, as in pandas
        ends = (records.line_num for record in records if len(record) > 1 or "".join(record).strip())
        line = next(itertools.islice(ends, row + 1, None))
    return f"{path}, line {line}, column {column.name}"


def _no_such_file(path: str, file: Path) -> str:
    nearby = [p.name for p in file.parent.glob("*") if p.is_file()] if file.parent.is_dir() else []
    suggestion = did_you_mean(file.name, nearby, f"{file.parent}/" if str(file.parent) != "." else "")
    return f"data.path={path}: no such file; the working directory is {Path.cwd()}. {suggestion}".rstrip()


def _check_header(names: list[str], path: str) -> None:
    names = [name.strip() for name in names]
    duplicates = [name for name, count in Counter(names).items() if count > 1 and name]
    if duplicates:
        raise UserError(f"{path}: two columns are called {duplicates[0]!r}; rename one")
    if "" in names and names != [""]:
        raise UserError(
            f"{path}: column {names.index('') + 1} has no name; name it, or remove it (pandas leaves "
            "its index out with to_csv(index=False))"
        )
