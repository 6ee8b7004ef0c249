"""Recorded runs: the same numbers again, and folders of earlier versions that stay readable.

``recorded/metrics.json`` has the metrics of 64 short float64 runs over all losses, presets, optimizers,
schedules, regularizers and corruptions. The folders beside it are of versions without ``network.json``; that
of the counts has one.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import lossbench
from lossbench import registry
from lossbench.config.resolve import resolve
from lossbench.records.folder import read_config
from lossbench.records.result import Result
from lossbench.runs.reproduce import reproduce

RECORDED = Path(__file__).parent / "recorded"
RUNS = json.loads((RECORDED / "metrics.json").read_text())
FOLDERS = ["classes", "table", "two_outputs"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder with the table that some of the runs read."""
    shutil.copy(RECORDED / "table.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_component_is_among_the_recorded_runs():
    words = " ".join(word for run in RUNS for word in run["overrides"])
    for group in ("optimizer", "schedule", "regularizer"):
        assert all(f"{group}={name}" in words for name in registry.names(group) if name != "none")
    assert all(f"loss={name} " in words for name in registry.losses())


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS, ids=lambda run: " ".join(run["overrides"][:3]))
def test_a_run_gives_the_recorded_metrics(run, project):
    """To 1e-8, which leaves room for other processors: three epochs in float64 amplify rounding little."""
    result = lossbench.run(*run["overrides"], "hydra.run.dir=run")
    assert (result.config_id, result.primary_metric) == (run["config_id"], run["primary"])
    assert set(run["metrics"]) <= set(result.metrics)
    for name, values in run["metrics"].items():
        recorded, now = (np.array(each, dtype=float) for each in (values, result.metrics[name]))
        np.testing.assert_allclose(now, recorded, rtol=1e-8, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_earlier_folder_is_read(name):
    result = Result.read(RECORDED / name)
    assert result.status == "completed"
    assert list(result.table.index) == result.seeds == [3, 4]
    assert len(result.curves) == 6
    assert len(result.predictions)


@pytest.mark.parametrize(
    ("name", "output", "column"),
    [
        ("classes", None, "probability/benign"),
        ("table", None, "prediction"),
        ("two_outputs", "alcohol", "alcohol/prediction"),
    ],
)
def test_its_network_gives_the_recorded_predictions(name, output, column, project):
    """The old folder says only in its config how its network is built."""
    result = Result.read(RECORDED / name)
    assert not (result.folder / "network.json").exists()
    dataset = resolve(read_config(result.folder)).data.load()
    predictions = result.predictions
    for replicate in range(2):
        rows = predictions[predictions["replicate"] == replicate]
        features = torch.tensor(dataset.features[rows["row"]], dtype=torch.float32)
        with torch.no_grad():
            given = result.network(replicate, output)(imputed(features, result, replicate))
        np.testing.assert_allclose(given.numpy()[:, -1], rows[column], rtol=1e-4)


def imputed(features, result, replicate):
    """Gaps as training read them: the mean of the replicate's training rows."""
    means = load_file(result.folder / "weights.safetensors")["features.mean"][replicate].flatten().float()
    return torch.where(features.isnan(), means, features)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FOLDERS, "counts"])
def test_it_is_trained_as_it_was(name, project):
    """Every epoch is the same. Of epochs with equal accuracy another is kept, so that metrics can differ.

    The counts were trained in their own units, when only real targets were scaled.
    """
    verdict = reproduce(RECORDED / name)
    assert not verdict.first.startswith("history.csv"), verdict.first
    assert any("code of lossbench" in change for change in verdict.changed)


def test_it_is_compared():
    comparison = lossbench.compare(RECORDED / "table")
    assert comparison.metric == "test/rmse"
    assert comparison.groups[0].label == "mean_squared_error"
