"""Fixtures of the tests of data: a CSV file, and a module built from a frame."""

import pytest
from frames import build_from


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file and return its path."""

    def write(content, encoding="utf-8"):
        path = tmp_path / "my.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write


@pytest.fixture
def build(tmp_path):
    """Return the config, the data set, the splits and the module that a frame and overrides give."""

    def make(frame, *overrides, target="y"):
        path = tmp_path / "my.csv"
        frame.to_csv(path, index=False)
        common = ("data=table", f"data.path={path}", f"data.target={target}", "trainer.precision=64-true")
        return build_from(*common, *overrides)

    return make
