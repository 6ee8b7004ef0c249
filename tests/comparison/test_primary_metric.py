"""Runs that monitored different primary metrics are compared by one that all of them have."""

import json

import pytest
from test_compare import scores, write_run

from lossbench.comparison import output
from lossbench.comparison.compare import compare
from lossbench.errors import UserError


def extended(folder, **values):
    """Add metrics to a record: of each part, all scores alike."""
    path = folder / "result.json"
    content = json.loads(path.read_text())
    for name, value in values.items():
        values_of_seeds = [value] * len(content["seeds"])
        content["metrics"] |= {f"{part}/{name}": values_of_seeds for part in ("train", "validation", "test")}
        content["higher_is_better"][name] = False
    path.write_text(json.dumps(content))


def test_runs_with_different_primary_metrics_are_compared_by_the_first_that_all_have(tmp_path):
    """As cross-entropy, which monitors the log loss, and hinge, whose predictions have none."""
    write_run(tmp_path / "a", "binary_crossentropy", scores(0.3), metric="log_loss")
    write_run(tmp_path / "b", "hinge", scores(0.8), metric="accuracy")
    write_run(tmp_path / "c", "squared_hinge", scores(0.7), metric="f1")
    with pytest.raises(UserError, match=r"\(log_loss, accuracy, f1\), none of which all have .* --metric"):
        compare(tmp_path)
    for name in "abc":
        extended(tmp_path / name, f1=0.5, **({"accuracy": 0.9} if name != "b" else {}))
    comparison = compare(tmp_path)
    assert comparison.metric == "test/accuracy"
    note = (
        "The runs monitored different primary metrics (log_loss, accuracy, f1); they are compared by "
        "accuracy, the first of these that all have."
    )
    assert comparison.to_json()["metric_note"] == note
    assert note in comparison.verdict
    chosen_metric = compare(tmp_path, metric="mae")
    assert (chosen_metric.metric, chosen_metric.metric_note) == ("test/mae", None)
    assert "metric_note" not in chosen_metric.to_json()


def test_a_hinge_and_a_cross_entropy_are_compared_on_their_page(tmp_path, train):
    words = ("replicates=6", "trainer.max_epochs=2", f"hydra.sweep.dir={tmp_path}/sweep")
    outcome = train("-m", "loss=hinge,bce", *words)
    assert "test/accuracy, higher is better" in outcome.out
    comparison = compare(tmp_path / "sweep")
    output.write(comparison, tmp_path / "out", [])
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "compared by accuracy" in page
    assert "validation/log_loss" in page
