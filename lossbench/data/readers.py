"""A table's file, CSV or Parquet, to a data frame, and back from a cell to where it stands."""

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
    """The table of a file.

    Args:
        path: from the folder the command is typed in.
        exclude: columns that nobody will look at, whatever they hold.

    Raises:
        UserError: the file is not there, or no table; the message says what it is and the hint.
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
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # which gives back what is freed
        with parquet.ParquetFile(file, pre_buffer=False) as content:
            schema = content.schema_arrow
            _check_header(schema.names, path)
            for field in schema:
                _check_type(field.name, field.type, field.name.strip() in exclude, path)
            # the index of a pandas frame that was filtered or sorted tells the rows apart, and is no feature
            index = [name for name in schema.names if re.fullmatch(r"__index_level_\d+__", name)]
            columns = content.read().drop_columns(index)
    except pyarrow.ArrowException as error:
        raise UserError(f"data.path={path}: not a whole Parquet file: {error}") from error
    # each column by itself, so that it is freed by itself
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
            low_memory=False,  # each column's type from the whole of it
        )
    except UnicodeDecodeError as error:
        raise UserError(f"data.path={path}: not a text file in UTF-8; save it as a UTF-8 CSV") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        reason = str(error).strip().rpartition("C error: ")[2]
        raise UserError(f"data.path={path}: not a table: {reason}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise UserError(f"{path}: the rows have more cells than the header has names; mend the header")
    return frame


def _header(file: Path) -> tuple[list[str], str]:
    """The column names, and what separates them: whichever sign the first line has most of, unquoted."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        first = next((line for line in lines if line.strip()), "")
    unquoted = re.sub('"[^"]*"', "", first)
    separator = max(_SEPARATORS, key=unquoted.count)
    return next(csv.reader([first], delimiter=separator, skipinitialspace=True), [""]), separator


def where(path: str, row: int, column: Any) -> str:
    """File, line and column of a cell; the line is where its row ends, blank lines counted."""
    file = Path(path).expanduser()
    if _is_parquet(file):
        return f"{path}, row {row}, column {column.name}"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        records = csv.reader(lines, delimiter=_header(file)[1], skipinitialspace=True)
        # a line of blanks is no row, as in pandas
        told = (records.line_num for record in records if len(record) > 1 or "".join(record).strip())
        line = next(itertools.islice(told, row + 1, None))
    return f"{path}, line {line}, column {column.name}"


def _no_such_file(path: str, file: Path) -> str:
    nearby = [p.name for p in file.parent.glob("*") if p.is_file()] if file.parent.is_dir() else []
    meant = did_you_mean(file.name, nearby, f"{file.parent}/" if str(file.parent) != "." else "")
    return f"data.path={path}: no such file, seen from {Path.cwd()}. {meant}".rstrip()


def _check_header(names: list[str], path: str) -> None:
    names = [name.strip() for name in names]
    doubled = [name for name, count in Counter(names).items() if count > 1 and name]
    if doubled:
        raise UserError(f"{path}: two columns are called {doubled[0]!r}; rename one")
    if "" in names and names != [""]:
        raise UserError(
            f"{path}: column {names.index('') + 1} has no name; name it, or take it out (pandas leaves "
            "its index out with to_csv(index=False))"
        )
