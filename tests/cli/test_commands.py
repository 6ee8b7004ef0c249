"""The command as a user types it: what it prints, what it leaves, how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lossbench
from lossbench import commands, losses, registry
from lossbench.config import compose
from lossbench.errors import UserError
from lossbench.records.result import Result

ROOT = Path(__file__).parents[2]
QUICK = "trainer.max_epochs=2"


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


def test_a_run_ends_with_its_table_and_where_things_are(train):
    outcome = train("loss=huber", "loss.delta=2", "replicates=3", QUICK)
    assert outcome.status == 0
    (result,) = outcome.results
    assert result.status == "completed"
    for word in (
        "huber on diabetes, seeds 0-2",
        "r2 *",
        "* the primary metric: the target is a number",
        "±",
        "train",
        "validation",
        "test",
        "result.json",
        "curves.png",
    ):
        assert word in outcome.out
    assert str(result.folder.relative_to(outcome.folder)) in outcome.out
    assert outcome.err == ""


def test_the_table_fits_a_terminal(train):
    out = train("loss=scce", "replicates=2", QUICK).out
    assert max(map(len, out.split("outputs/")[0].splitlines())) <= 80


@pytest.mark.slow
@pytest.mark.parametrize("name", losses.names())
def test_every_loss_trains_by_its_name_alone(train, name):
    outcome = train(f"loss={name}", QUICK)
    assert outcome.status == 0
    (result,) = outcome.results
    assert (result.loss, result.data) == (name, registry.loss(name).data)
    assert all(value is not None for values in result.metrics.values() for value in values)


def test_aliases_are_the_same_run(train):
    ids = {
        result.config_id
        for written in ("mse", "MSE", "MeanSquaredError")
        for result in train(f"loss={written}", QUICK).results
    }
    assert len(ids) == 1


OF_THE_DOCUMENTS = {
    "mean_squared_error": "mse MSE MeanSquaredError",
    "mean_absolute_error": "mae MAE MeanAbsoluteError",
    "mean_absolute_percentage_error": "mape MAPE MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error": "msle MSLE MeanSquaredLogarithmicError",
    "huber": "Huber huber_loss",
    "log_cosh": "logcosh LogCosh",
    "poisson": "Poisson",
    "binary_crossentropy": "bce BCE BinaryCrossentropy",
    "categorical_crossentropy": "cce CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "scce SparseCategoricalCrossentropy",
    "hinge": "Hinge",
    "squared_hinge": "SquaredHinge",
    "categorical_hinge": "CategoricalHinge",
    "kl_divergence": "kld KLD KLDivergence kullback_leibler_divergence",
    "cosine_similarity": "cosine cosine_proximity CosineSimilarity",
    "focal": "Focal focal_loss",
    "dice": "Dice dice_loss",
    "contrastive": "Contrastive",
    "triplet": "Triplet",
}


@pytest.mark.parametrize("name", OF_THE_DOCUMENTS)
def test_every_name_of_the_documents_is_that_loss(name):
    expected = compose.plain(compose.compose_config(f"loss={name}"))
    for alias in OF_THE_DOCUMENTS[name].split():
        assert compose.plain(compose.compose_config(f"loss={alias}")) == expected


def test_identity_is_what_decides_the_numbers():
    def identity(*overrides):
        return compose.config_id(compose.plain(compose.compose_config(*overrides)))

    base = identity()
    assert identity("trainer.threads=2") == identity("data=diabetes") == identity("loss=mse") == base
    assert identity("hydra.run.dir=elsewhere") == base
    assert identity("loss=huber", "loss.delta=2") == identity("loss=huber", "loss.delta=2.0")
    others = [
        "seed=1",
        "replicates=2",
        "loss=huber",
        "data.batch_size=16",
        "optimizer.lr=0.1",
        "loss.label=x",
    ]
    assert len({identity(other) for other in others} | {base}) == len(others) + 1


def test_a_finished_folder_is_never_written_again(train):
    first = train("hydra.run.dir=here", QUICK)
    files = {path: path.read_bytes() for path in (first.folder / "here").iterdir()}
    again = train("hydra.run.dir=here", QUICK)
    assert again.status == 0
    other = train("hydra.run.dir=here", QUICK, "seed=1")
    assert other.status == 1
    assert "another config" in other.err
    assert files == {path: path.read_bytes() for path in (first.folder / "here").iterdir()}


def test_a_finished_run_is_not_handed_out_for_other_data(train, tmp_path):
    table = [f"{i},{i % 7},{3 * i + i % 7}\n" for i in range(60)]
    command = ("data=table", "data.path=my.csv", "data.target=y", "hydra.run.dir=here", QUICK)
    (tmp_path / "my.csv").write_text("a,b,y\n" + "".join(table))
    assert train(*command).status == 0
    again = train(*command)
    assert (again.status, "nothing was trained" in again.out) == (0, True)
    (tmp_path / "my.csv").write_text("a,b,y\n" + "".join(table[1:]))
    other = train(*command)
    assert other.status == 1
    assert "other data" in other.err


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_with_a_word_and_a_status(tmp_path, stop):
    command = [sys.executable, str(ROOT / "train.py"), "trainer.max_epochs=10000000", "hydra.run.dir=run"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(stop, signal.SIG_DFL),  # a shell's background job ignores SIGINT
    )
    while not (tmp_path / "run" / "manifest.json").exists():  # written before training begins
        time.sleep(0.1)
    time.sleep(2)  # well into the training, whose first epochs take milliseconds
    process.send_signal(stop)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_sweep_in_a_folder_with_an_old_failure_ends_by_its_own_jobs(train):
    assert train("-m", "hydra.sweep.dir=here", "optimizer.lr=-1", QUICK).status == 1
    assert train("-m", "hydra.sweep.dir=here", "seed=5", QUICK).status == 0


def test_losses_with_different_default_data_are_not_swept_together(train):
    outcome = train("-m", "loss=mse,bce", QUICK)
    assert outcome.status == 1
    assert "mse on diabetes, bce on breast_cancer" in outcome.err
    assert outcome.results == []


def test_the_preset_that_is_a_sweep_runs_as_one(train):
    outcome = train("experiment=compare_regression", "replicates=2", QUICK)
    assert outcome.status == 0
    assert len(outcome.results) == 3


@pytest.mark.slow
def test_a_bar_is_drawn_on_a_terminal_and_cleared(tmp_path):
    import pexpect

    command = f"{sys.executable} {ROOT}/train.py trainer.max_epochs=300 loss.label='\"a[/b]\"'"
    child = pexpect.spawn("/bin/sh", ["-c", command], cwd=str(tmp_path), timeout=60, dimensions=(24, 80))
    printed = child.read().decode()
    child.close()
    assert child.exitstatus == 0
    assert "/300" in printed
    assert "a[/b] on diabetes" in printed


def test_failed_jobs_show_what_varied(train):
    outcome = train("-m", "optimizer.lr=-1,0.1", QUICK)
    table = outcome.out.split("the jobs of this sweep")[1]
    assert re.search(r"-1 +│ failed", table)


def test_a_sweep_has_a_folder_per_job_and_ends_with_a_table(train):
    outcome = train("-m", "loss=mse,mae,huber", "replicates=2", "optimizer.lr=0.01,0.001", QUICK)
    assert outcome.status == 0
    assert len(outcome.results) == 6
    for result in outcome.results:
        assert result.folder.name == f"{result.loss}-{result.config_id}"
    table = outcome.out.split("the jobs of this sweep")[1]
    assert len(re.findall("completed", table)) == 6
    assert "optimizer.lr" in table


def test_a_sweep_goes_on_after_a_failed_job_and_says_so(train, monkeypatch):
    from lossbench.losses import regression

    def broken(*_args, **_kwargs):
        raise RuntimeError("the network cable was pulled")

    monkeypatch.setattr(regression, "mean_absolute_error", broken)
    outcome = train("-m", "loss=mse,mae,huber", QUICK)
    assert outcome.status == 1
    assert {r.loss: r.status for r in outcome.results} == {
        "mean_squared_error": "completed",
        "mean_absolute_error": "failed",
        "huber": "completed",
    }
    assert "the network cable was pulled" in outcome.out


def test_a_sweep_with_one_issue_reports_it_once(train):
    outcome = train("-m", "loss=mse,mae", "optimizer.lr=-1", QUICK)
    assert outcome.status == 1
    assert [result.status for result in outcome.results] == ["failed", "failed"]
    assert outcome.out.count("optimizer.lr = -1") == 1


def test_divergence_is_a_result_with_nulls_and_status_one(train):
    outcome = train("optimizer=sgd", "optimizer.lr=1000", "replicates=2", "trainer.max_epochs=20")
    assert outcome.status == 1
    (result,) = outcome.results
    assert result.status == "diverged"
    assert [replicate.status for replicate in result.replicates] == ["diverged"] * 2
    assert all(value is None for values in result.metrics.values() for value in values)
    assert "2 of 2 diverged: lower optimizer.lr" in outcome.out
    assert "NaN" not in (result.folder / "result.json").read_text()


def test_a_strangers_table(train, tmp_path):
    lines = [f"{i},{i % 7},{3 * i + i % 7}" for i in range(60)]
    (tmp_path / "my.csv").write_text("a,b,price\n" + "\n".join(lines))
    outcome = train(
        "loss=mse",
        "data=table",
        "data.path=my.csv",
        "data.target=price",
        "trainer.max_epochs=200",
        "optimizer.lr=0.05",
    )
    assert outcome.status == 0
    assert outcome.results[0].metrics["test/r2"][0] > 0.99


@pytest.mark.parametrize("precision", ["32", "64", "32-true", "64-true", "bf16-mixed"])
def test_precisions(train, precision):
    assert train("loss=cce", f"trainer.precision={precision}", QUICK).results[0].status == "completed"


@pytest.mark.parametrize("group", ["optimizer", "schedule"])
def test_every_choice_trains(train, group):
    for name in registry.names(group):
        assert train(f"{group}={name}", QUICK).status == 0


def test_the_python_call_returns_the_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = lossbench.run("loss=huber", "loss.delta=2", QUICK)
    assert result.status == "completed"
    assert Result.read(result.folder) == result
    assert lossbench.run("loss=huber", "loss.delta=2", QUICK, f"hydra.run.dir={result.folder}") == result
    with pytest.raises(UserError, match=r"Did you mean loss\.delta"):
        lossbench.run("loss=huber", "loss.detla=2")
    with pytest.raises(UserError, match="Did you mean loss=huber"):
        lossbench.run("loss=hubr")
    with pytest.raises(UserError, match="this is a sweep"):
        lossbench.run("experiment=compare_regression")


def test_help_shows_losses_by_task_keys_and_examples_within_80_columns():
    shown = python("train.py", "--help")
    assert shown.returncode == 0
    for name in losses.names():
        assert f"\n  {name}" in shown.stdout
    for word in (
        "regression",
        "loss.delta=1.0",
        "trainer.max_epochs=auto",
        "python train.py loss=huber loss.delta=2",
    ):
        assert word in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("python train.py loss=hu", ["loss=huber"]),
        ("python train.py loss=huber loss.d", ["loss.delta="]),
        ("python train.py opt", ["optimizer.", "optimizer="]),
        ("python train.py trainer.max", ["trainer.max_epochs=", "trainer.max_steps="]),
    ],
)
def test_tab_completion(line, words):
    assert python("train.py", "-sc", "query=bash", COMP_LINE=line).stdout.split() == words


def test_the_installed_command():
    def lossbench_command(*arguments, **environment):
        code = "import sys; sys.argv[0] = 'lossbench'; from lossbench.cli.main import main; main()"
        return python("-c", code, *arguments, **environment)

    assert "loss=huber" in lossbench_command("train", "--help").stdout
    assert "lossbench train loss=huber" in lossbench_command("train", "--help").stdout
    assert "name: huber" in lossbench_command("train", "loss=huber", "--cfg", "job").stdout
    assert lossbench_command("--help").returncode == 0
    assert lossbench_command("--version").stdout == f"lossbench {lossbench.__version__}\n"
    unknown = lossbench_command("trian")
    assert unknown.returncode == 1
    assert "Did you mean train" in unknown.stderr
    completed = lossbench_command("-sc", "query=bash", COMP_LINE="lossbench train loss=hu")
    assert completed.stdout.split() == ["loss=huber"]


def test_cfg_shows_what_a_run_would_record(train):
    shown = python("train.py", "loss=huber", "--cfg", "job", "--resolve")
    assert shown.returncode == 0
    assert "delta: 1.0" in shown.stdout
    assert "name: diabetes" in shown.stdout


def test_full_error_shows_the_whole_story():
    shown = python("train.py", "loss=hubr", HYDRA_FULL_ERROR="1")
    assert shown.returncode != 0
    assert "Traceback" in shown.stderr


def test_a_users_own_preset(train, tmp_path):
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "robust.yaml").write_text("# @package _global_\ndefaults:\n  - override /loss: mae\nseed: 4\n")
    outcome = train("--config-dir", "mine", "experiment=robust", QUICK)
    assert outcome.status == 0
    assert (outcome.results[0].loss, outcome.results[0].seeds) == ("mean_absolute_error", [4])


def test_the_manifest_holds_the_command(train):
    outcome = train("loss=huber", QUICK)
    manifest = json.loads((outcome.results[0].folder / "manifest.json").read_text())
    assert manifest["command"] == commands.shown_words("train", "loss=huber", QUICK)
