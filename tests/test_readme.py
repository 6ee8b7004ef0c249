"""What the README says is so."""

import re
from pathlib import Path

from lossbench import registry
from lossbench.cli import main as commands
from lossbench.cli.help import losses_table

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)


def test_it_begins_with_exactly_two_commands():
    lines = BLOCKS[0][1].strip().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("python train.py loss=huber loss.delta=2")
    assert lines[1].endswith("python -m pytest")
    assert all(line.startswith("python -m pip install -c constraints.txt") for line in lines)


def test_its_table_of_losses_is_what_the_code_says():
    """A row for a new loss may be missing, none may be wrong: adding a loss is one function and one YAML."""
    shown = [line for line in README.splitlines() if re.match(r"\| `\w+` \| \w+ \| ", line)]
    assert shown
    assert set(shown) <= set(losses_table().splitlines())


def test_its_examples_are_answered_as_it_says(train):
    example = next(text for _, text in BLOCKS if text.startswith("$ python train.py"))
    command, _, answer = example.partition("\n")
    assert train(*command.split()[3:]).err.strip() == answer.strip()


def test_every_command_it_names_composes():
    named = {
        line
        for line in re.findall(r"`python train\.py ([^`]*)`", README)
        if "--" not in line and "-m" not in line
    }
    assert named
    for line in named - {"-sc install=bash"}:
        commands.compose_config(*line.split())


def test_every_room_of_its_drawing_exists():
    drawing = next(text for _, text in BLOCKS if "train.py" in text and "floor 0" in text)
    for room in re.findall(r"(\w+\.py|\w+/)", drawing):
        places = [registry.CONF.parent / room, registry.CONF.parent / "lossbench" / room]
        places.append(registry.CONF.parent / "lossbench" / "losses" / room)
        assert any(place.exists() for place in places), room


def test_nothing_is_left_to_fill_in():
    assert not re.findall(r"@[A-Z]+@", README)
