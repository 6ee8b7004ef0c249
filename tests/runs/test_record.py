"""The run folder: complete, whole or absent, readable without running code, and enough to predict again."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

import lossbench
from lossbench import registry
from lossbench.errors import UserError
from lossbench.records import files
from lossbench.records.result import Result

FILES = {
    "result.json",
    "config.yaml",
    "manifest.json",
    "history.csv",
    "weights.safetensors",
    "predictions.csv",
    "network.json",
    "curves.png",
}
METRICS = ("rmse", "mae", "r2", "loss")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return lossbench.run(
        "loss=huber",
        "loss.delta=2",
        "loss.label=robust",
        "replicates=3",
        "seed=5",
        "trainer.max_epochs=12",
        "model.hidden_units=[8,4]",
        f"hydra.run.dir={folder}",
    )


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_the_contract_and_nothing_else(run):
    assert {path.name for path in run.folder.iterdir()} == FILES


def test_the_result_says_all_that_was_promised(run):
    content = json.loads((run.folder / "result.json").read_text())
    assert content["schema_version"] == 1
    assert (content["status"], content["loss"], content["label"]) == ("completed", "huber", "robust")
    assert (content["data"], content["seeds"]) == ("diabetes", [5, 6, 7])
    assert [set(one) for one in content["replicates"]] == [{"status", "epoch", "best_epoch", "converged"}] * 3
    assert set(content["metrics"]) == {
        f"{part}/{m}" for part in ("train", "validation", "test") for m in METRICS
    }
    assert all(len(values) == 3 for values in content["metrics"].values())
    assert len(content["config_id"]) == 12
    assert content["duration_s"] > 0
    assert "error" not in content
    assert Result.read(run.folder) == run


def test_the_result_is_the_last_file_written(run):
    written = {path.name: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    assert max(written, key=written.get) == "result.json"


def test_history_has_a_row_per_replicate_and_epoch(run):
    history = rows(run.folder / "history.csv")
    assert [(row["replicate"], row["seed"], row["epoch"]) for row in history] == [
        (str(r), str(5 + r), str(e)) for r in range(3) for e in range(1, 13)
    ]
    assert list(history[0])[3:] == ["train/loss", "validation/loss", "validation/r2"]


def test_the_metrics_are_those_of_the_best_epoch_of_the_history(run):
    history = rows(run.folder / "history.csv")
    for r, outcome in enumerate(run.replicates):
        own = [float(row["validation/r2"]) for row in history if row["replicate"] == str(r)]
        assert own.index(max(own)) + 1 == outcome.best_epoch
        assert run.metrics["validation/r2"][r] == pytest.approx(max(own), rel=1e-6)  # float32


def test_predictions_give_the_metrics(run):
    table = pd.read_csv(run.folder / "predictions.csv")
    targets = registry.load("data", "diabetes")().target.values[:, 0]
    for r, own in table.groupby("replicate"):
        assert (targets[own["row"]] == own["target"]).all()
        error = own["prediction"] - own["target"]
        assert run.metrics["test/rmse"][r] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-12)
        assert run.metrics["test/mae"][r] == pytest.approx(error.abs().mean(), rel=1e-12)


def test_weights_and_scaling_predict_again_without_lossbench(run):
    arrays = load_file(run.folder / "weights.safetensors")
    table = pd.read_csv(run.folder / "predictions.csv")
    features = registry.load("data", "diabetes")().features
    for r in range(3):
        own = table[table["replicate"] == r]
        x = (features[own["row"]] - arrays["features.mean"][r]) / arrays["features.scale"][r]
        x = x / np.sqrt(1 + (x / arrays["features.limit"][r]) ** 2)
        for layer in ("hidden.0", "hidden.1", "heads.output"):
            x = x @ arrays[f"{layer}.weight"][r] + arrays[f"{layer}.bias"][r]
            x = x if layer == "heads.output" else np.maximum(x, 0)
        predicted = x[:, 0] * arrays["targets.scale"][r, 0, 0] + arrays["targets.mean"][r, 0, 0]
        np.testing.assert_allclose(predicted, own["prediction"], rtol=2e-5)  # float32 throughout


@pytest.mark.parametrize("words", [("loss=huber",), ("loss=bce",), ("loss=scce", "model.hidden_units=[]")])
def test_a_result_hands_out_tables_curves_and_the_plain_network(tmp_path, words):
    result = lossbench.run(
        *words, "replicates=2", "seed=4", "trainer.max_epochs=2", f"hydra.run.dir={tmp_path}"
    )
    assert result.table.index.tolist() == [4, 5]
    assert result.table["test/loss"].tolist() == result.metrics["test/loss"]
    assert len(result.curves) == 4
    data = registry.load("data", result.data)()
    shown = result.predictions
    for replicate in range(2):
        own = shown[shown["replicate"] == replicate]
        with torch.no_grad():
            got = result.network(replicate)(torch.as_tensor(data.features[own["row"]], dtype=torch.float32))
        columns = [name for name in shown if name.startswith("probability/")] or ["prediction"]
        np.testing.assert_allclose(got, own[columns], rtol=2e-4, atol=2e-6)  # float32 throughout
    with pytest.raises(UserError, match="the run has 2"):
        result.network(2)


def test_of_several_outputs_each_has_its_network(tmp_path):
    words = ("experiment=multi_output_wine", "trainer.max_epochs=2", f"hydra.run.dir={tmp_path}")
    result = lossbench.run(*words)
    shown, data = result.predictions, registry.load("data", "wine")()
    x = torch.as_tensor(data.features[shown["row"]], dtype=torch.float32)
    with torch.no_grad():
        alcohol, cultivar = (result.network(output=name)(x) for name in ("alcohol", "cultivar"))
    np.testing.assert_allclose(alcohol[:, 0], shown["alcohol/prediction"], rtol=2e-5)
    np.testing.assert_allclose(cultivar[:, 1], shown["cultivar/probability/class_1"], rtol=2e-4, atol=1e-6)
    with pytest.raises(UserError, match="Did you mean alcohol"):
        result.network(output="alcohl")


def test_the_manifest_says_where_it_comes_from(run):
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest["versions"]["torch"].startswith("2.")
    assert manifest["threads"] == 1
    assert manifest["data_fingerprint"] == registry.load("data", "diabetes")().fingerprint
    assert set(manifest["seeds"]) == {"5", "6", "7"}
    assert all(set(hashes) == {"split", "initial_weights", "order"} for hashes in manifest["seeds"].values())
    assert {"command", "cpu_capability", "python", "platform", "git"} <= set(manifest)


def test_classes_are_predicted_by_name_with_their_probabilities(tmp_path):
    for loss, extra in (("bce", "loss.from_logits=true"), ("scce", "loss.from_logits=false")):
        result = lossbench.run(
            f"loss={loss}", extra, "trainer.max_epochs=3", f"hydra.run.dir={tmp_path}/{loss}"
        )
        table = pd.read_csv(result.folder / "predictions.csv", dtype={"target": str, "prediction": str})
        probabilities = table.filter(like="probability/").to_numpy()
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        assert (table["target"] == table["prediction"]).mean() == pytest.approx(
            result.metrics["test/accuracy"][0]
        )
        if loss == "scce":
            np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)


def test_predictions_above_the_limit_are_parquet(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_CSV_LINES", 3)
    path = files.write_predictions(tmp_path, {"row": np.arange(4), "prediction": np.arange(4.0)})
    assert path.name == "predictions.parquet"
    assert pd.read_parquet(path)["row"].tolist() == [0, 1, 2, 3]


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "x.json"
    files.write_json(path, {"a": 1})

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, fail)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_json_holds_no_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"status": "completed"}'])
def test_a_torn_result_is_no_result(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    assert Result.read(tmp_path) is None
    assert Result.read(tmp_path / "nowhere") is None


def test_a_result_of_a_later_version_is_still_a_finished_run(run, tmp_path):
    content = json.loads((run.folder / "result.json").read_text())
    content |= {"schema_version": 99, "from_the_future": 1}
    content["replicates"][0]["mood"] = "good"
    (tmp_path / "result.json").write_text(json.dumps(content))
    assert Result.read(tmp_path) == run
    with pytest.raises(UserError, match="holds a finished run of another config"):
        lossbench.run("seed=99", f"hydra.run.dir={tmp_path}")


def test_what_fails_after_training_loses_neither_weights_nor_history(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("no fonts")

    monkeypatch.setattr("lossbench.runs.learning_curves.draw", fail)
    with pytest.raises(RuntimeError, match="no fonts"):
        lossbench.run("trainer.max_epochs=2", f"hydra.run.dir={tmp_path}")
    left = {path.name for path in tmp_path.iterdir()}
    assert {"config.yaml", "manifest.json", "history.csv", "weights.safetensors", "predictions.csv"} <= left
    assert "result.json" not in left


@pytest.mark.slow
def test_the_config_is_enough_to_have_the_run_again(run, tmp_path):
    """The recorded config, given back to the package, gives the same numbers."""
    code = (
        "import sys, yaml; from pathlib import Path; from lossbench.runs.job import run_job;"
        "values = yaml.safe_load(open(sys.argv[1]));"
        "run_job(values, Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(run.folder / "config.yaml"), str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "COLUMNS": "80"})
    again = Result.read(tmp_path)
    assert again.metrics == run.metrics
    assert again.config_id == run.config_id
