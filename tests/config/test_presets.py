"""The example models of the founding documents as presets."""

import pytest

from lossbench import registry

SWEEPS = [
    name for name in registry.names("experiment") if "MULTIRUN" in str(registry.read("experiment", name))
]
PRESETS = sorted(set(registry.names("experiment")) - set(SWEEPS))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_of_the_documents_trains(train, name):
    outcome = train(f"experiment={name}", "trainer.max_epochs=2")
    assert outcome.status == 0, outcome.err
    (result,) = outcome.results
    assert result.status == "completed"
    assert all(value is not None for values in result.metrics.values() for value in values)


def test_the_penalty_is_in_the_total_and_apart(train):
    (result,) = train("experiment=regularized", "trainer.max_epochs=2").results
    (loss,), (penalty,) = result.metrics["test/loss"], result.metrics["test/penalty"]
    (term,) = result.metrics["test/loss/sparse_categorical_crossentropy"]
    assert loss == pytest.approx(term + penalty, rel=1e-6)
    assert penalty > 0.1


def test_a_metric_more_changes_no_other_number(tmp_path, train):
    few = train("loss=bce", "metrics=[log_loss]", "trainer.max_epochs=3", "hydra.run.dir=few").results
    every = train("loss=bce", "trainer.max_epochs=3", "hydra.run.dir=every").results
    (one,) = (result for result in few if result.folder.name == "few")
    (more,) = (result for result in every if result.folder.name == "every")
    assert len(more.metrics) > len(one.metrics)
    assert one.metrics == {name: more.metrics[name] for name in one.metrics}
    assert (one.folder / "history.csv").read_text() == (more.folder / "history.csv").read_text()


def test_the_documents_models_are_those_of_the_documents(train):
    (result,) = train("experiment=multi_output", "trainer.max_epochs=1").results
    network = result.network(output="classification")
    assert [tuple(layer.weight.shape) for layer in (network[1], network[3])] == [(64, 100), (10, 64)]
    assert {"test/classification/accuracy", "test/regression/rmse", "test/loss/regression/weighted"} <= set(
        result.metrics
    )
