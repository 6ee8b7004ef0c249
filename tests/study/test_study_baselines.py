"""The scores of the baselines that the study reads, against the training part itself."""

import numpy as np
import pandas as pd
import pytest
from study.baselines import compared
from study.networks import Block, train

from lossbench.errors import UserError
from lossbench.records.folder import read_manifest


@pytest.fixture
def run(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(60, 2)), columns=["a", "b"])
    frame["y"] = 50 + 3 * frame["a"] + random.normal(size=60)
    frame.to_csv(tmp_path / "toy.csv", index=False)
    words = [
        "loss=mse",
        "data=table",
        f"data.path={tmp_path / 'toy.csv'}",
        "data.target=y",
        "data.task=regression",
    ]
    words += ["replicates=3", "metrics=[rmse,mae]"]
    return words, tmp_path / "runs" / "mse"


def test_the_study_reads_verdict_and_baselines_of_the_comparison(run):
    words, folder = run
    record = train([*words, "trainer.max_epochs=3"], folder)
    assert record["status"] == "completed"
    assert not any(name.startswith("train/") for name in record["metrics"])
    verdict, scores = compared([folder], "rmse")
    assert verdict
    assert {name: len(metrics["rmse"]) for name, metrics in scores.items()} == dict.fromkeys(
        ("constant", "linear", "boosting"), len(read_manifest(folder)["seeds"])
    )
    assert np.mean(scores["constant"]["rmse"]) == pytest.approx(3.2, rel=0.3)  # the deviation of y
    assert np.mean(scores["linear"]["rmse"]) == pytest.approx(1, rel=0.3)  # that of its noise


def test_a_missing_baseline_is_an_error(run, monkeypatch):
    words, folder = run
    train([*words, "trainer.max_epochs=1"], folder)
    monkeypatch.setattr("study.baselines.read_baselines", lambda runs: [])
    with pytest.raises(UserError, match="constant, linear, boosting"):
        compared([folder], "rmse")


def test_ten_times_the_budget_is_ten_times_the_epochs(run):
    words, _ = run
    block = Block.of(words)
    assert (block.rows, block.features) == (60, 2)
    epochs = block.budget.epochs
    assert block.longer(10)[0] == f"trainer.max_epochs={10 * epochs}"
    assert Block.of([*words, *block.longer(10)]).budget.epochs == 10 * epochs
