"""Fixtures shared by all tests: commands run in-process, in a folder of their own."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

os.environ["KERAS_BACKEND"] = "torch"  # the oracle; read when keras is first imported
os.environ["COLUMNS"] = "80"

from lossbench.cli import train as command
from lossbench.records.result import Result


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status, what it printed, and the results in its folder."""

    status: int
    out: str
    err: str
    folder: Path

    @property
    def results(self) -> list[Result]:
        found = (Result.read(path.parent) for path in sorted(self.folder.rglob("result.json")))
        return [result for result in found if result is not None and not result.baseline]

    def assert_refused(self, words: list[str]) -> None:
        """A non-zero status, the words, no traceback, and nothing completed."""
        assert self.status != 0
        for word in words:
            assert word in self.err, self.err
        assert "Traceback" not in self.err + self.out
        assert not any(result.status == "completed" for result in self.results)


@pytest.fixture
def train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Runs ``python train.py`` with arguments, in an empty folder."""

    def run(*arguments: str) -> Outcome:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        status, message = 0, ""
        try:
            command.main()
        except SystemExit as stop:
            message = stop.code if isinstance(stop.code, str) else ""
            status = 1 if message else int(stop.code or 0)
        printed = capsys.readouterr()
        return Outcome(status, printed.out, printed.err + message, tmp_path)

    return run
