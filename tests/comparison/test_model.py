"""The comparison is typed and frozen, and its JSON is what was written before it was."""

import dataclasses
import inspect
import json
import shlex
from pathlib import Path

import pandas as pd
import pytest
from made_up import comparison as made_up_comparison

from lossbench.cli.comparison_table import print_comparison
from lossbench.comparison import charts, curves, grouping, model
from lossbench.comparison.compare import compare
from lossbench.comparison.grouping import shell_command
from lossbench.comparison.output import write

RECORDED = Path(__file__).parent / "recorded"
DATACLASSES = [
    kind
    for module in (model, charts, curves, grouping)
    for _, kind in inspect.getmembers(module, dataclasses.is_dataclass)
    if kind.__module__ == module.__name__
]


def values(content, path="$"):
    """Every value with its path, in order."""
    if isinstance(content, dict):
        return [each for key, part in content.items() for each in values(part, f"{path}.{key}")]
    if isinstance(content, list):
        return [each for index, part in enumerate(content) for each in values(part, f"{path}[{index}]")]
    assert content is None or isinstance(content, str | int | float)
    return [(path, content)]


@pytest.mark.parametrize("name", ["tuned", "data_sets"])
def test_runs_recorded_by_the_first_version_give_the_json_that_it_wrote(name, monkeypatch):
    """Key by key, value by value and in the same order; the verdict's words are tested elsewhere."""
    monkeypatch.chdir(RECORDED)
    content = compare(name).to_json()
    assert list(content)[-1] == "verdict"
    assert content.pop("verdict")
    before = values(json.loads(Path(f"{name}.json").read_text("utf-8")))
    after = values(content)
    assert [(path, type(value)) for path, value in after] == [(path, type(value)) for path, value in before]
    assert len(before) > 150
    for (path, expected), (_, value) in zip(before, after, strict=True):
        close = pytest.approx(expected, rel=1e-9, abs=1e-12) if isinstance(expected, float) else expected
        assert value == close, path


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
def test_every_dataclass_is_frozen(kind):
    assert kind.__dataclass_params__.frozen


def test_a_change_of_the_json_leaves_the_comparison_as_it_is():
    comparison = made_up_comparison(("diabetes", "wine"), tuned=True)
    before = comparison.to_json()
    after = comparison.to_json()
    after["groups"][0]["scores"].append(0.0)
    after["groups"].clear()
    after["across_data"]["mean_ranks"].clear()
    assert comparison.to_json() == before
    assert isinstance(comparison.groups, tuple)
    with pytest.raises(dataclasses.FrozenInstanceError):
        comparison.groups[0].label = "other"


@pytest.mark.parametrize(
    ("recorded", "pasted"),
    [
        (["python", "train.py", "-m", "loss=mse,mae"], "python train.py -m loss=mse,mae"),
        (["lossbench", "train", "loss=mse"], "lossbench train loss=mse"),
        (["train.py", "loss=mse"], "python train.py loss=mse"),
        (["/home/me/lossbench/train.py", "loss=mse"], "python /home/me/lossbench/train.py loss=mse"),
        (["/home/me/.venv/bin/lossbench", "loss=mse"], "lossbench train loss=mse"),
        (["/home/me/.venv/bin/lossbench", "train", "loss=mse"], "lossbench train loss=mse"),
        (["C:\\venv\\Scripts\\lossbench.exe", "loss=mse"], "lossbench train loss=mse"),
        (["train.py", "data.path='my file.csv'"], """python train.py 'data.path='"'"'my file.csv'"'"''"""),
        ([], ""),
    ],
)
def test_recorded_commands_are_shown_as_they_can_be_pasted(recorded, pasted):
    assert shell_command(recorded) == pasted
    assert shlex.split(pasted)[-1:] == recorded[-1:]


def test_files_and_terminal_show_the_comparison(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(RECORDED)
    comparison = compare("tuned")
    write(comparison, tmp_path, [*comparison.commands, "lossbench compare outputs/tuned"])
    assert json.loads((tmp_path / "comparison.json").read_text("utf-8")) == comparison.to_json()
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f"{comparison.commands[0]}\nlossbench compare outputs/tuned</pre>" in page
    groups = pd.read_csv(tmp_path / "groups.csv")
    assert list(groups)[:4] == ["loss", "label", "data", "data_set"]
    assert groups["mean"].tolist() == [group.summary.mean for group in comparison.groups]
    assert len(pd.read_csv(tmp_path / "pairs.csv")) == 1
    assert pd.read_csv(tmp_path / "trials.csv")["setting.optimizer.lr"].tolist() == [0.01, 0.1] * 2
    print_comparison(comparison)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    shown = " ".join(" ".join(lines).split())
    assert "tuned for each loss, or the same for all: optimizer.lr" in shown
    assert "excluded: huber-failed: failed: no memory" in shown
    assert comparison.verdict in shown
