"""Every command that lossbench prints works as printed, in a checkout and from an installed wheel."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = r"python \S*\.py\b|lossbench (?:train|compare|reproduce|catalogue)\b"
# A command ends with its line, or before a gap and a description; a shell's eval "$(...)" is taken whole
PRINTED = re.compile(
    rf'eval "\$\((?:{PROGRAM}).*?\)"|(?:[A-Z_]+=\S+ )?(?:{PROGRAM}).*?(?=   |$)', re.MULTILINE
)


@dataclass(frozen=True)
class Installation:
    """A way to have lossbench, and how its commands start there."""

    start: Callable[[str], str]
    environment: dict[str, str]

    def run(self, folder: Path, command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "80", **self.environment}
        environment.pop("HYDRA_FULL_ERROR", None)
        return subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )


def path_with(*folders: Path) -> str:
    return os.pathsep.join([*map(str, folders), str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    def start(name: str) -> str:
        return f"python {ROOT}/{'' if name == 'train' else 'scripts/'}{name}.py"

    folder = tmp_path_factory.mktemp("bin")  # what an editable installation puts on the path
    command = folder / "lossbench"
    command.write_text(f"#!{sys.executable}\nfrom lossbench.cli.main import main\n\nmain()\n")
    command.chmod(0o755)
    return Installation(start, {"PYTHONPATH": str(ROOT), "PATH": path_with(folder)})


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target"]
    subprocess.run([*install, str(folder / "site"), str(file)], check=True, capture_output=True)
    path = path_with(folder / "site" / "bin")
    return Installation(lambda name: f"lossbench {name}", {"PYTHONPATH": str(folder / "site"), "PATH": path})


@pytest.fixture(params=["checkout", pytest.param("wheel", marks=pytest.mark.slow)])
def installation(request: pytest.FixtureRequest) -> Installation:
    return request.getfixturevalue(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the printed examples name."""
    rows = range(60)
    (tmp_path / "my.csv").write_text("a,price\n" + "".join(f"{i},{i * 1.5 - 20}\n" for i in rows))
    (tmp_path / "my data (1).csv").write_text("a,the kind\n" + "".join(f"{i},{'rgb'[i % 3]}\n" for i in rows))
    (tmp_path / "rare.csv").write_text("a,2020\n" + "".join(f"{i},{int(i > 56)}\n" for i in rows))
    (tmp_path / "my_module.py").write_text(
        "def my_loss(y_true, y_pred): return ((y_true - y_pred) ** 2).mean()"
    )
    return tmp_path


def printed_commands(text: str) -> list[str]:
    lines = text.replace("\\\n", " ").splitlines()
    printed = [command for line in lines if "usage:" not in line for command in PRINTED.findall(line)]
    return list(dict.fromkeys(printed))  # a traceback may show an error twice


def shortened(command: str) -> str:
    """The same command with one epoch; a single run is only composed."""
    if "train" not in command or re.search(r" (--?\w*help|--cfg|-sc) ?", command):
        return command
    return (
        f"{command} trainer.max_epochs=1"
        if " -m " in command or "experiment=compare" in command
        else (f"{command} --cfg job")
    )


def python(words: str) -> str:
    return f'python -c "import lossbench; lossbench.run({words})"'


# What prints: the command, the number of commands that it prints, and whether one of them trains
SOURCES = {
    "train help": ("train --help", 10, True),
    "compare help": ("compare --help", 0, False),
    "reproduce help": ("reproduce --help", 0, False),
    "catalogue help": ("catalogue --help", 0, False),
    "the losses": ("catalogue", 0, False),
    "one loss": ("catalogue huber", 1, False),
    "losses for numbers": ("catalogue --for my.csv --target price", 1, True),
    "losses for classes": ("catalogue --for 'my data (1).csv' --target 'the kind'", 1, True),
    "losses for a rare class": ("catalogue --for rare.csv --target 2020", 1, True),
    "a run": ("train trainer.max_epochs=1", 0, True),
    "a sweep": ("train -m loss=mse,mae trainer.max_epochs=1 'hydra.sweep.dir=my sweep'", 1, True),
    "several values": ("train loss=mse,mae 'loss.label=\"a b\"'", 1, True),
    "overrides apart": ("train loss=mse,mae -m seed=1", 1, True),
    "a wrong option": ("train --cfg jobs", 1, False),
    "a wrong value": ("train 'loss.label=${nothing}'", 1, False),
    "a wrong key of Hydra": ("train -m loss=mse,mae hydra.launcher.n_job=2", 1, False),
    "a parameter of some": ("train -m loss=mse,huber loss.delta=1,2", 2, True),
    "a sweep in a sweep": ("train -m experiment=compare_regression,regularized", 1, True),
    "several values in Python": (python("'loss=mse,mae'"), 1, True),
    "a sweep in Python": (python("'experiment=compare_regression'"), 1, True),
}
PARAMETERS = [
    pytest.param(words, number, marks=pytest.mark.slow if trains else (), id=name)
    for name, (words, number, trains) in SOURCES.items()
]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "number"), PARAMETERS)
def test_every_printed_command_works(installation, folder, words, number):
    name, _, arguments = words.partition(" ")
    command = words if name == "python" else f"{installation.start(name)} {arguments}"
    shown = installation.run(folder, command)
    text = shown.stdout + shown.stderr
    printed = printed_commands(text)
    assert len(printed) == number, text
    for command in printed:
        done = installation.run(folder, shortened(command))
        assert done.returncode == 0, (command, done.stdout, done.stderr)


def test_the_list_of_commands_works(installation, folder):
    shown = installation.run(folder, "lossbench")
    printed = printed_commands(shown.stdout)
    assert len(printed) == 4, shown
    for command in printed:
        assert installation.run(folder, command).returncode == 0
