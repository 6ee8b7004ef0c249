"""The options of a train command: the declared table is Hydra's, and mistakes are answered."""

import pytest
from hydra._internal.utils import get_args_parser  # only to hold the table equal to it

from lossbench.cli import options
from lossbench.errors import UserError


def test_the_table_is_hydras_own_parser():
    actions = [action for action in get_args_parser()._actions if action.option_strings]
    theirs = {
        tuple(action.option_strings): (
            action.nargs,
            action.choices,
            action.const if action.nargs == "?" else None,
        )
        for action in actions
    }
    ours = {
        names: (
            0 if properties.get("action") else properties.get("nargs"),
            properties.get("choices"),
            properties.get("const"),
        )
        for names, properties in options.OPTIONS.items()
    }
    assert ours == theirs


def test_options_and_overrides_are_told_apart():
    read = options.read(["-m", "--config-dir", "mine", "loss=mse,mae", "seed=1"])
    assert (read.multirun, read.config_dir, read.overrides) == (True, "mine", ["loss=mse,mae", "seed=1"])


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--multirn"], r"--multirn: no such option. Did you mean --multirun\? "),
        (["--loss", "huber"], "Keys are written without dashes, as loss=VALUE"),
        (["--loss=huber"], "Keys are written without dashes, as loss=huber"),
        (["--cfg", "jobs"], "invalid choice: 'jobs'"),
        (["--config-dir"], "expected one argument"),
        (["loss=mse,mae", "-m", "seed=1"], r"seed=1: all overrides stand together.* -m loss=mse,mae seed=1$"),
    ],
)
def test_a_mistake_is_answered(words, answer):
    with pytest.raises(UserError, match=answer):
        options.read(words)
