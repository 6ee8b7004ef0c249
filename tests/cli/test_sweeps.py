"""A sweep survives kills, second starts and bad jobs."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from hydra.errors import MissingConfigException

import lossbench
from lossbench import registry
from lossbench.cli.session import Session, StartedSweep
from lossbench.cli.sweep import SweepReport, _finish_jobs
from lossbench.config.hydra_errors import explain
from lossbench.errors import UserError
from lossbench.records import files
from lossbench.records.lock import locked
from lossbench.records.result import Result, read_results
from lossbench.runs.job import Outcome

ROOT = Path(__file__).parents[2]
JOBS = ["-m", "loss=mse,mae,huber", "seed=0,1", "trainer.max_epochs=20"]
CONTENT = ["history.csv", "predictions.csv", "weights.safetensors"]


def start(folder, *words, cwd=None):
    command = [sys.executable, str(ROOT / "train.py"), *words, f"hydra.sweep.dir={folder}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    return subprocess.Popen(
        command,
        cwd=cwd or folder.parent,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def contents(folder):
    return {
        f"{job.name}/{name}": (job / name).read_bytes()
        for job in sorted(folder.iterdir())
        for name in CONTENT
        if (job / name).exists()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    sweep = start(folder, *JOBS)
    out, _ = sweep.communicate()
    assert sweep.returncode == 0, out
    return folder


@pytest.mark.slow
def test_a_killed_sweep_given_again_ends_as_if_undisturbed(tmp_path, undisturbed):
    folder = tmp_path / "sweep"
    for wanted in (1, 4):  # killed in the midst of what comes after so many results
        sweep = start(folder, *JOBS)
        while len(list(folder.glob("*/result.json"))) < wanted and sweep.poll() is None:
            time.sleep(0.02)
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.communicate()
    there = {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}
    sweep = start(folder, *JOBS)
    out, _ = sweep.communicate()
    assert sweep.returncode == 0, out
    assert contents(folder) == contents(undisturbed)
    assert all(path.stat().st_mtime_ns == when for path, when in there.items())  # finished ones untouched
    assert not list(folder.rglob("*.tmp"))
    assert not list(folder.rglob(".lock"))


@pytest.mark.slow
def test_two_sweeps_in_one_folder_share_the_work(tmp_path, undisturbed):
    folder = tmp_path / "sweep"
    both = [start(folder, *JOBS) for _ in range(2)]
    outs = [sweep.communicate()[0] for sweep in both]
    assert [sweep.returncode for sweep in both] == [0, 0], outs
    assert contents(folder) == contents(undisturbed)
    trained = [
        line for out in outs for line in out.splitlines() if "completed  " in line and "kept" not in line
    ]
    assert len([line for line in trained if line.endswith(" s") or " left" in line]) >= 6
    for out in outs:
        assert out.count("│ completed │") == 6  # each compares all


def test_a_skipped_job_is_waited_for_before_its_holder_has_written_anything(tmp_path, monkeypatch):
    folder, waited = tmp_path / "a-1", []

    def attempt_job(values, path, *, wait, **kwargs):
        waited.append((values, path, wait))
        return Outcome("ended", Result("failed", "a", "a", "", "1", folder=path))

    monkeypatch.setattr("lossbench.runs.job.attempt_job", attempt_job)
    session = Session(sweep=StartedSweep(tmp_path, 1, in_process=True), skipped={folder: {"seed": 0}})
    with locked(folder):  # as the holder does between its lock and its config
        _finish_jobs(session, tmp_path)
    assert waited == [({"seed": 0}, folder, True)]
    assert [result.folder for result in session.results] == [folder]


def test_a_held_folder_is_passed_over_and_a_dead_holders_is_free(tmp_path):
    with locked(tmp_path / "a") as held, locked(tmp_path / "a") as held_twice:
        assert (held, held_twice) == (True, False)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".lock").write_text("")  # left by one that was killed
    (tmp_path / "b" / "history.csv.1.tmp").write_text("torn")
    with locked(tmp_path / "b") as held:
        assert held
        assert not list((tmp_path / "b").glob("*.tmp"))


BAD = """
import os, sys, time, torch
from pathlib import Path

def of_four(y_true, y_pred, kind="fine"):
    return torch.mean((y_true - y_pred) ** 2)

def kinds(kind):
    def loss(y_true, y_pred):
        if kind.startswith("raises"):
            raise RuntimeError("as planned")
        if kind == "exits":
            sys.exit(3)
        if kind == "full":
            with open("/dev/full", "w") as file:
                file.write("more than there is room for")
        mark = Path(__file__).with_name("pid")
        if kind == "killed" and not mark.exists():  # waits for it
            mark.with_name("begun").write_text(str(os.getpid()))
            mark.with_name("begun").rename(mark)
            time.sleep(600)
        return torch.mean((y_true - y_pred) ** 2) * (float("inf") if kind == "diverges" else 1.0)
    return loss
"""


@pytest.mark.slow
def test_bad_jobs_are_results_with_reasons_and_retry_repeats_them(tmp_path, train):
    (tmp_path / "bad.py").write_text(BAD)
    words = [
        *("-m", "loss=custom", "loss.function=bad:kinds", "trainer.max_epochs=2"),
        *(
            "loss.arguments=[fine],[raises],[raises_too],[exits],[diverges]",
            f"hydra.sweep.dir={tmp_path}/sweep",
        ),
    ]
    sys.modules.pop("bad", None)
    first = train(*words)
    assert first.status == 1
    assert [result.status for result in first.results].count("failed") == 3
    assert first.out.count("as planned") == 1  # of two
    assert "its own code called sys.exit(3)" in first.out
    again = train(*words)
    assert again.out.count("kept") == 5
    (tmp_path / "bad.py").write_text(BAD.replace('kind.startswith("raises")', "False"))
    sys.modules.pop("bad", None)
    mended = train(*words, "retry=failed")
    assert mended.out.count("kept") == 2  # the completed and the diverged one
    statuses = [result.status for result in mended.results]
    assert [statuses.count(status) for status in ("completed", "diverged", "failed")] == [3, 1, 1]
    sys.modules.pop("bad", None)


@pytest.mark.slow
def test_of_ten_jobs_five_go_wrong_each_its_own_way(tmp_path, train):
    (tmp_path / "bad.py").write_text(BAD)
    kinds = ("fine", "raises", "finer", "exits", "killed", "full", "finest", "diverges", "good", "better")
    words = [
        *("-m", "loss=custom", "loss.function=bad:kinds", "trainer.max_epochs=2"),
        "loss.arguments=" + ",".join(f"[{kind}]" for kind in kinds),
    ]
    launched = start(tmp_path / "launched", *words, "hydra/launcher=cores", "hydra.launcher.n_jobs=2")
    while not (tmp_path / "pid").exists() and launched.poll() is None:
        time.sleep(0.02)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    out, _ = launched.communicate()
    assert launched.returncode == 1
    assert "the launcher stopped" in out
    assert "the same command does the jobs that are missing" in out
    launched = start(tmp_path / "launched", *words, "hydra/launcher=cores", "hydra.launcher.n_jobs=2")
    sys.modules.pop("bad", None)
    alone = train(*words, "hydra.sweep.dir=alone")
    sys.modules.pop("bad", None)
    outs = {"launched": launched.communicate()[0], "alone": alone.out}
    assert (launched.returncode, alone.status) == (1, 1)
    for name, out in outs.items():
        assert "Traceback (" not in out
        statuses = [result.status for result in read_results(tmp_path / name)]
        assert [statuses.count(status) for status in ("completed", "diverged", "failed")] == [6, 1, 3], out
        for reason in ("as planned", "sys.exit(3)", "No space left on device", "no replicate stayed finite"):
            assert out.count(reason) == 1, out
    assert contents(tmp_path / "launched") == contents(tmp_path / "alone")


def test_a_worker_that_could_write_nothing_at_all_is_reported(tmp_path, capsys):
    (tmp_path / "huber-0123456789ab").mkdir()
    session = Session(sweep=StartedSweep(tmp_path, 1, in_process=False))
    with session.active(), pytest.raises(SystemExit) as stop:
        SweepReport().on_multirun_end(None)
    assert stop.value.code == 1
    assert "failed: huber-0123456789ab\n  its worker could write nothing" in capsys.readouterr().out


def test_a_full_disk_is_a_jobs_reason(tmp_path, train, monkeypatch):
    write = files.write_rows

    def full(path, *arguments):
        if "huber" in str(path):
            raise OSError(28, "No space left on device", str(path))
        write(path, *arguments)

    monkeypatch.setattr(files, "write_rows", full)
    words = ["-m", "loss=mse,huber", "trainer.max_epochs=1", f"hydra.sweep.dir={tmp_path}/sweep"]
    outcome = train(*words)
    assert outcome.status == 1
    assert "No space left on device; free space" in outcome.out
    monkeypatch.setattr(files, "write_rows", write)
    assert train(*words, "retry=failed").status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["loss=mse", "seed=0,1", "replicates=20"], "use seed=0,20"),
        (["loss=mse,poisson"], "different default data"),
        (["loss=mse,huber", "loss.delta=1,2"], "two sweeps"),
        (["loss=mse,mae", "loss.delta=1,2"], "none of these losses has it"),
        (["experiment=compare_regression,regularized"], "run it alone: "),
        (["loss=mse,mae", "seed=range(1000000)"], "2,000,000 jobs are more"),
        (["loss=mse,mae", "hydra.launcher=joblib"], "hydra/launcher=joblib"),
        (["loss=mse,mae", "hydra.launcher.n_job=2"], "--cfg hydra -p hydra.launcher"),
    ],
)
def test_a_sweep_that_compares_nothing_is_refused_before_it_begins(train, words, said):
    outcome = train("-m", *words)
    assert outcome.status == 1
    assert said in outcome.err
    assert not outcome.results


def test_every_ready_launcher_names_the_extra_that_brings_it():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    ready = registry.names("hydra/launcher")
    assert {"cores", "slurm", "ray_here", "ray_cluster"} <= set(ready)
    for name in ready:
        (base,) = registry.read("hydra/launcher", name)["defaults"]
        if base not in ready:
            missing = MissingConfigException("", f"hydra/launcher/{base}", options=["basic"])
            extra = explain(missing, []).rpartition("lossbench[")[2].rstrip(']"')
            assert any("launcher" in package for package in extras[extra])


def test_it_says_how_many_jobs_there_are_and_what_is_there(tmp_path, train):
    words = ["-m", "loss=mse,mae", "trainer.max_epochs=1", f"hydra.sweep.dir={tmp_path}/sweep"]
    assert "2 jobs in sweep/" in train(*words).out
    more = train("-m", "loss=huber,mse,mae", *words[2:]).out
    assert "3 jobs; sweep/ already holds 2 results" in more
    assert more.count("kept") == 2
    assert "[3/3]" in more


def test_the_results_are_a_frame_and_parquet(tmp_path, train):
    train("-m", "loss=mse,huber", "replicates=3", "trainer.max_epochs=1", f"hydra.sweep.dir={tmp_path}/sweep")
    frame = lossbench.results(tmp_path / "sweep")
    assert len(frame) == 6
    assert set(frame["seed"]) == {0, 1, 2}
    assert {"test/rmse", "loss.delta", "trainer.max_epochs", "status"} <= set(frame.columns)
    assert frame.loc[frame["loss"] == "mean_squared_error", "loss.delta"].isna().all()
    written = pd.read_parquet(tmp_path / "sweep" / "results.parquet")
    pd.testing.assert_series_equal(written["test/rmse"], frame["test/rmse"])
    with pytest.raises(UserError, match="no results"):
        lossbench.results(tmp_path)
