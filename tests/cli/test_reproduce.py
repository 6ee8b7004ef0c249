"""A recorded run is reproduced, and every planted change is named."""

import json
import shutil
import sys

import pandas as pd
import pytest
import yaml

import lossbench
from lossbench import trust
from lossbench.cli.reproduce import main
from lossbench.runs.reproduce import reproduce

MINE = """
import torch

def of_four(y_true, y_pred):
    return torch.mean((y_true - y_pred) ** 2)
"""


@pytest.fixture
def recorded(tmp_path):
    words = ("loss=huber", "replicates=2", "trainer.max_epochs=3", f"hydra.run.dir={tmp_path}/run")
    return lossbench.run(*words).folder


def test_a_rerun_is_identical_wherever_its_folder_lies(recorded, tmp_path):
    elsewhere = shutil.copytree(recorded, tmp_path / "far" / "away")
    for folder in (recorded, elsewhere):
        verdict = reproduce(folder)
        assert (verdict.word, verdict.largest, verdict.first) == ("identical", 0.0, "")
        assert verdict.changed == []


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_planted_changes_are_named(recorded):
    manifest = recorded / "manifest.json"
    edit(manifest, lambda m: m["versions"].update(numpy="1.0"))
    edit(manifest, lambda m: m.update(source="0" * 16, data_fingerprint="f" * 64, threads=99))
    edit(manifest, lambda m: m["seeds"]["1"].update(order="0" * 16))
    said = " | ".join(reproduce(recorded).changed)
    for word in (
        "version of numpy: 1.0",
        "code of lossbench",
        "data: fingerprint ffff",
        "threads: 99",
        "seed 1: other order",
    ):
        assert word in said
    config = yaml.safe_load((recorded / "config.yaml").read_text())
    config["seed"] = 7
    (recorded / "config.yaml").write_text(yaml.safe_dump(config))
    verdict = reproduce(recorded)
    assert verdict.word == "different"
    assert "config.yaml is not what was run" in verdict.changed[0]
    assert "seeds: 0, 1, now 7, 8" in verdict.changed


def test_a_value_that_differs_is_named_with_its_place(recorded, monkeypatch, capsys):
    path = recorded / "history.csv"
    table = pd.read_csv(path)
    table.loc[1, "validation/loss"] *= 1 + 1e-7
    table.to_csv(path, index=False)
    verdict = reproduce(recorded)
    assert verdict.word == "within rounding"
    assert "validation/loss (epoch 2, replicate 0)" in verdict.first
    table.loc[1, "validation/loss"] *= 1.01
    table.to_csv(path, index=False)
    monkeypatch.setattr(sys, "argv", ["reproduce", str(recorded)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert "different" in capsys.readouterr().out


def test_custom_code_must_be_trusted_again(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trust, "_granted", set())
    monkeypatch.delenv(trust.VARIABLE, raising=False)
    sys.modules.pop("mine", None)
    words = ("loss=custom", "loss.function=mine:of_four", "trainer.max_epochs=1", "hydra.run.dir=run")
    folder = lossbench.run(*words).folder
    monkeypatch.setattr(trust, "_granted", set())
    monkeypatch.delenv(trust.VARIABLE, raising=False)
    for arguments, status in ((["run"], 1), (["run", "--trust", "mine:of_four"], 0)):
        monkeypatch.setattr(sys, "argv", ["reproduce", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr().out
        assert stop.value.code == status, said
        assert ("mine:of_four" in said) == (status == 1)
    assert folder.name == "run"
    sys.modules.pop("mine", None)
