"""A job's outcomes: what it writes, what it keeps, and what it leaves alone."""

import pickle
import threading

import pytest
import yaml

from lossbench import registry
from lossbench.config.compose import compose_config, config_id, plain
from lossbench.config.resolve import resolve
from lossbench.records.lock import locked
from lossbench.records.result import Result
from lossbench.runs.job import attempt_job, run_job

SHORT = ("trainer.max_epochs=2", "model.hidden_units=[4]")


def values(*overrides):
    return plain(compose_config(*SHORT, *overrides))


def test_a_job_ends_and_is_kept(tmp_path):
    first = attempt_job(values(), tmp_path / "run", picture=False)
    assert (first.state, first.result.status) == ("ended", "completed")
    again = attempt_job(values(), tmp_path / "run", picture=False)
    assert (again.state, again.result) == ("kept", first.result)
    assert str(again).endswith("completed; nothing was trained")


@pytest.mark.parametrize("override", ["optimizer.lr=0.01", "optimizer.lr=-1"])
def test_a_folder_in_which_another_process_trains_is_left_alone(override, tmp_path):
    """Also by a job whose config is wrong, and which therefore never reaches training."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("of: the other process\n")
    with locked(folder) as held:
        assert held
        outcome = {}
        other = threading.Thread(
            target=lambda: outcome.update(value=attempt_job(values(override), folder, picture=False))
        )
        other.start()
        other.join()
        assert outcome["value"].state == "busy"
        assert outcome["value"].result is None
    assert {path.name for path in folder.iterdir()} == {"config.yaml"}
    assert (folder / "config.yaml").read_text() == "of: the other process\n"


def test_a_failure_leaves_its_config_and_no_older_traceback(tmp_path):
    (tmp_path / "traceback.txt").write_text("of an earlier failure")
    wrong = values("optimizer.lr=-1")
    outcome = attempt_job(wrong, tmp_path, picture=False)
    assert (outcome.state, outcome.result.status) == ("ended", "failed")
    assert "optimizer.lr = -1" in outcome.result.error
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "result.json"}
    assert config_id(yaml.safe_load((tmp_path / "config.yaml").read_text())) == outcome.result.config_id


def test_a_kept_run_of_a_custom_loss_needs_its_code_no_more(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = tmp_path / "kept_loss.py"
    code.write_text("def mine(y_true, y_pred):\n    return ((y_true - y_pred) ** 2).mean(-1)\n")
    custom = values("loss=custom", "loss.function=kept_loss:mine")
    monkeypatch.setattr("lossbench.trust._granted", {"kept_loss"})
    assert run_job(custom, tmp_path / "run", picture=False).state == "ended"
    code.unlink()
    monkeypatch.setattr("lossbench.trust._granted", set())
    assert run_job(custom, tmp_path / "run", picture=False).state == "kept"


def test_a_recorded_network_needs_no_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "t.csv"
    table.write_text("a,b,y\n" + "".join(f"{i},{i % 7},{2 * i + i % 3}\n" for i in range(40)))
    run_job(values("data=table", "data.path=t.csv", "data.target=y"), tmp_path / "run", picture=False)
    table.unlink()
    (tmp_path / "run" / "network.json").unlink()  # as in a record made before there was one
    assert len(Result.read(tmp_path / "run").network()) > 0


def test_a_learned_parameter_of_a_custom_loss_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "learned_loss.py").write_text(
        "import torch\nfrom lossbench.losses import Loss\n\n\nclass Scaled(Loss):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.scale = torch.nn.Parameter(torch.ones(1))\n\n"
        "    def call(self, y_true, y_pred):\n        return ((y_true - y_pred) ** 2).mean(-1) * self.scale\n"
    )
    monkeypatch.setattr("lossbench.trust._granted", {"learned_loss"})
    outcome = attempt_job(
        values("loss=custom", "loss.function=learned_loss:Scaled"), tmp_path / "run", picture=False
    )
    assert "parameters of its own" in outcome.result.error


@pytest.mark.parametrize("loss", registry.losses())
def test_a_resolved_config_can_be_sent_to_another_process(loss):
    config = resolve(values(f"loss={loss}"))
    copy = pickle.loads(pickle.dumps(config))
    assert copy.outputs[0].task is config.outputs[0].task
    assert copy.outputs[0].metrics == config.outputs[0].metrics
