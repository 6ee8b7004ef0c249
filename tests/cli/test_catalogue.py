"""The catalogue: losses by task, one in full, and those that fit a table, whose sweep then runs."""

import re
import shlex
import sys

import numpy as np
import pytest

from lossbench import registry
from lossbench.cli import catalogue


@pytest.fixture
def show(monkeypatch, capsys, tmp_path):
    """Runs ``catalogue`` with arguments, in an empty folder; returns what it printed and its status."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["catalogue.py", *arguments])
        try:
            catalogue.main()
        except SystemExit as stop:
            return str(stop.code), 1
        return capsys.readouterr().out, 0

    return run


def test_all_losses_by_task_within_80_columns(show):
    out, status = show()
    assert status == 0
    assert all(f"\n  {name}" in out for name in registry.losses())
    assert max(map(len, out.splitlines())) <= 80


def test_one_task(show):
    out, _ = show("--task", "count")
    assert "poisson" in out
    assert "huber" not in out


@pytest.mark.parametrize("name", registry.losses())
def test_one_loss_in_full(show, name):
    out, status = show(name)
    assert status == 0
    for word in ("Parameters", "Facts", "task: ", "Source: ", "Elsewhere: ", "Domain", f"loss={name}"):
        assert word in out
    assert max(map(len, out.splitlines())) <= 80


def test_by_alias_with_ranges_and_other_names(show):
    out, _ = show("Huber")
    assert "loss.delta = 1.0: a number greater than 0" in out
    assert "keras Huber, torch HuberLoss, optax huber_loss" in out


RANDOM = np.random.default_rng(0)
COLUMNS = {
    "real": (RANDOM.normal(size=200), "regression", {"mean_squared_error", "huber", "mean_absolute_error"}),
    "outliers": (
        np.r_[RANDOM.normal(size=190), np.full(10, 60.0)],
        "regression",
        {"mean_absolute_error", "huber"},
    ),
    "price": (RANDOM.lognormal(3, 1, 200), "positive", {"mean_squared_logarithmic_error", "huber"}),
    "visits": (RANDOM.poisson(20, 200), "count", {"poisson", "mean_squared_error"}),
    "fraud": ((np.arange(200) % 20 == 0).astype(int), "binary", {"binary_crossentropy", "focal"}),
    "kind": (
        np.array(["red", "green", "blue"])[np.arange(200) % 3],
        "multiclass",
        {"sparse_categorical_crossentropy"},
    ),
    "stars": (np.arange(200) % 5 + 1, "regression", {"mean_squared_error", "mean_absolute_error"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMNS)
def test_a_target_is_read_and_the_sweep_it_prints_runs(show, train, tmp_path, name):
    values, task, expected = COLUMNS[name]
    rows = "".join(f"{x:.6f},{y}\n" for x, y in zip(RANDOM.normal(size=200), values, strict=True))
    (tmp_path / "my.csv").write_text(f"a,{name}\n{rows}")
    out, status = show("--for", "my.csv", "--target", name)
    assert status == 0
    assert f"read as {task}" in out
    command = re.search(r"train\.py (-m .*)\\\n(.*)", out)
    words = f"{command[1]} {command[2]}".replace("replicates=20", "replicates=2").split()
    assert expected <= set(words[1].removeprefix("loss=").split(","))
    outcome = train(*words, "trainer.max_epochs=2")
    assert outcome.status == 0, outcome.err
    assert {result.status for result in outcome.results} == {"completed"}


def test_names_with_spaces_are_quoted_so_that_the_sweep_runs(show, train, tmp_path):
    (tmp_path / "my data.csv").write_text(
        "a,the price\n" + "".join(f"{i},{i * 1.5 - 20}\n" for i in range(60))
    )
    out, _ = show("--for", "my data.csv", "--target", "the price")
    command = re.search(r"train\.py (-m .*)\\\n(.*)", out)
    words = shlex.split(f"{command[1]} {command[2]}".replace("replicates=20", "replicates=1"))
    assert train(*words, "trainer.max_epochs=1").status == 0


def test_a_rare_class_is_said_and_the_sweep_runs(show, train, tmp_path):
    (tmp_path / "my.csv").write_text("a,y\n" + "".join(f"{i},{int(i > 56)}\n" for i in range(60)))
    out, _ = show("--for", "my.csv", "--target", "y")
    assert "1 has only 3 rows" in " ".join(out.split())
    assert "data.stratify=false" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hubr"], "Did you mean huber?"),
        (["--task", "counts"], "Did you mean count?"),
        (["--for", "my.csv"], "go together"),
        (["--for", "no.csv", "--target", "y"], "no such file"),
        (["--for", "my.csv", "--target", "z"], "Its columns: a, y"),
        (["--for", "my.csv", "--target", "y"], "nothing to predict"),
        (["--for", "my.csv", "--target", "a"], "every row holds 1; nothing to predict"),
    ],
)
def test_mistakes_are_answered(show, tmp_path, arguments, message):
    (tmp_path / "my.csv").write_text("a,y\n1,2\n,2\n")
    out, status = show(*arguments)
    assert status == 1
    assert message in out


def test_a_loss_is_drawn_with_its_parameters(show, tmp_path):
    assert show("mae", "--picture", "mae.png")[1] == 0
    assert (tmp_path / "mae.png").read_bytes().startswith(b"\x89PNG")
    show("Huber", "--picture", "huber.svg", "loss.delta=2.5", "loss.reduction=sum")  # in any order
    text = (tmp_path / "huber.svg").read_text()
    assert all(words in text for words in ("huber delta=2.5", "value", "gradient", "curvature"))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("huber", "loss.detla=2", "--picture", "a.png"), "Did you mean delta?"),
        (("huber", "2", "--picture", "a.png"), "given as loss.delta=2"),
        (("huber", "loss.delta=2"), "goes with --picture FILE"),
        (("dice", "--picture", "a.png"), "more than one number"),
        (("bce", "loss.axis=0", "--picture", "a.png"), "more than one number"),
        (("huber", "loss.delta=[", "--picture", "a.png"), "loss.delta=[: not a value"),
        (("huber", "--picture", "no/a.png"), "there is no folder no"),
        (("huber", "--picture", "a.gif"), "a picture is a .png or an .svg"),
    ],
)
def test_what_cannot_be_drawn_is_answered(show, tmp_path, words, answer):
    out, status = show(*words)
    assert status == 1
    assert answer in out
    assert not list(tmp_path.iterdir())
